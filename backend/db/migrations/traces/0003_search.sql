set local lock_timeout = '5s';

-- What a trace says, as words with their places; made behind ingestion, so a trace may be without for a while.
create table search_documents (
  workspace_id int4 not null,
  trace_id uuid not null,
  start_time timestamptz not null,
  revision int8 not null,
  document tsvector not null,
  primary key (workspace_id, trace_id, start_time)
) /*plain: partition by range (start_time) */;
create index search_documents_words on search_documents using gin (document);

/*timescale:
select create_hypertable('search_documents', by_range('start_time', interval '1 day'), create_default_indexes => false);
select add_retention_policy('search_documents', drop_after => interval '90 days');
*/
