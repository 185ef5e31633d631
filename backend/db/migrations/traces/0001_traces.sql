-- Comments of the form /*plain: … */ and /*timescale: … */ are activated by the migration runner on the engine they name.
set local lock_timeout = '5s';

-- One row a trace, never partitioned: the lock that serialises writers of a trace, and the way from an id to its days.
create table trace_heads (
  workspace_id int4 not null,
  trace_id uuid not null,
  first_start timestamptz not null,
  last_start timestamptz not null,
  revision int8 not null default 1,
  primary key (workspace_id, trace_id)
);
-- A B-tree, not BRIN: block ranges never forget the oldest time they held, so that expiry would come to scan the table.
create index trace_heads_last_start on trace_heads (workspace_id, last_start);

create table spans (
  workspace_id int4 not null,
  trace_id uuid not null,
  span_id int8 not null,
  start_time timestamptz not null,
  parent_span_id int8,
  duration_us int8,
  kind int2 not null,
  status int2 not null,
  name text not null,
  agent_id text,
  session_id text,
  user_id text,
  model text,
  model_requested text,
  model_provider text,
  tokens_input int4,
  tokens_output int4,
  tokens_total int4,
  tokens_cached int4,
  tokens_cache_write int4,
  tokens_reasoning int4,
  cost_nano int8,
  cost_source int2 not null default 0,
  price_id int4,
  ttft_us int8,
  tool_name text,
  service text,
  environment text,
  release text,
  tags text[],
  error_type text,
  error_message text,
  response_id text,
  input_preview text,
  output_preview text,
  metadata jsonb,
  attribute_count int4 not null default 0,
  digest int8 not null default 0,
  primary key (workspace_id, trace_id, span_id, start_time)
) /*plain: partition by range (start_time) */;

create table span_logs (
  workspace_id int4 not null,
  trace_id uuid not null,
  span_id int8,
  log_time timestamptz not null,
  digest int8 not null,
  event_name text not null,
  agent_id text,
  session_id text,
  user_id text,
  error_type text,
  error_message text,
  input_preview text,
  output_preview text,
  primary key (workspace_id, trace_id, digest, log_time)
) /*plain: partition by range (log_time) */;

create table span_payloads (
  workspace_id int4 not null,
  trace_id uuid not null,
  start_time timestamptz not null,
  span_ids int8[] not null,
  format int2 not null,
  body bytea not null
) /*plain: partition by range (start_time) */;
create index span_payloads_trace on span_payloads (workspace_id, trace_id, start_time);
alter table span_payloads alter column body set storage external;

create table traces (
  workspace_id int4 not null,
  trace_id uuid not null,
  start_time timestamptz not null,
  external_id text,
  name text not null,
  agent_id text,
  session_id text,
  user_id text,
  status int2 not null,
  duration_us int8,
  span_count int4 not null,
  llm_call_count int4 not null,
  tool_call_count int4 not null,
  error_count int4 not null,
  tokens_input int8,
  tokens_output int8,
  tokens_total int8,
  tokens_cached int8,
  tokens_cache_write int8,
  tokens_reasoning int8,
  cost_nano int8,
  cost_source int2 not null,
  ttft_us int8,
  models text[],
  providers text[],
  environment text,
  release text,
  service text,
  tags text[],
  metadata jsonb,
  input_preview text,
  output_preview text,
  error_type text,
  error_message text,
  revision int8 not null,
  stored_at timestamptz not null default now(),
  primary key (workspace_id, trace_id, start_time)
) /*plain: partition by range (start_time) */;
create index traces_start_time on traces (workspace_id, start_time desc, trace_id);
create index traces_session on traces (workspace_id, session_id, start_time desc) where session_id is not null;
create index traces_user on traces (workspace_id, user_id, start_time desc) where user_id is not null;

create table ingest_receipts (
  receipt_id uuid not null,
  workspace_id int4 not null,
  key_id uuid,
  received_at timestamptz not null,
  stored_at timestamptz,
  format text not null,
  received int4 not null,
  stored int4 not null default 0,
  duplicate int4 not null default 0,
  rejected int4 not null default 0,
  dead_lettered int4 not null default 0,
  reasons jsonb,
  digest bytea,
  primary key (receipt_id, received_at)
) /*plain: partition by range (received_at) */;
create index ingest_receipts_digest on ingest_receipts (workspace_id, digest, received_at) where digest is not null;

-- Appended by each storing transaction; maintenance folds closed hours into one row a key.
create table ingest_stats (
  workspace_id int4 not null,
  key_id uuid,
  bucket timestamptz not null,
  received int8 not null,
  stored int8 not null,
  duplicate int8 not null,
  rejected int8 not null,
  dead_lettered int8 not null,
  reasons jsonb,
  lag_us int8[],
  folded boolean not null default false
);
create index ingest_stats_bucket on ingest_stats (workspace_id, bucket);
create index ingest_stats_open on ingest_stats (bucket) where not folded;

create table client_reports (
  workspace_id int4 not null,
  key_id uuid,
  receipt_id uuid not null,
  reported_at timestamptz not null,
  created int8 not null,
  delivered int8 not null,
  sampled int8 not null,
  dropped jsonb not null,
  primary key (workspace_id, receipt_id)
);
create index client_reports_time on client_reports (workspace_id, reported_at);

create table dead_letters (
  dead_letter_id uuid primary key,
  workspace_id int4 not null,
  receipt_id uuid,
  key_id uuid,
  created_at timestamptz not null default now(),
  received_at timestamptz not null,
  format text not null,
  reason text not null,
  error text not null,
  attempts int4 not null,
  item_index int4,
  trace_id uuid,
  span_id int8,
  header jsonb not null,
  payload bytea not null,
  state text not null default 'dead' check (state in ('dead', 'replaying', 'replayed')),
  replayed_at timestamptz
);
create index dead_letters_workspace on dead_letters (workspace_id, created_at desc);

create table price_versions (
  price_id int4 generated always as identity primary key,
  workspace_id int4,
  provider text not null,
  model text not null,
  match jsonb,
  valid_from timestamptz,
  valid_to timestamptz,
  prices jsonb not null,
  source text not null,
  created_at timestamptz not null default now(),
  created_by uuid
);
create unique index price_versions_natural on price_versions (coalesce(workspace_id, 0), provider, model, coalesce(valid_from, '-infinity'), source);

create table scores (
  workspace_id int4 not null,
  score_id uuid not null,
  trace_id uuid not null,
  span_id int8,
  name text not null,
  value_number float8,
  value_boolean boolean,
  value_label text,
  source text not null,
  comment text,
  author_id uuid,
  created_at timestamptz not null,
  primary key (workspace_id, score_id)
);
create index scores_trace on scores (workspace_id, trace_id);
create index scores_time on scores (workspace_id, created_at);

create table feedback (
  workspace_id int4 not null,
  feedback_id uuid not null,
  trace_id uuid not null,
  rating int2 not null,
  comment text,
  user_id text,
  created_at timestamptz not null,
  primary key (workspace_id, feedback_id)
);
create index feedback_trace on feedback (workspace_id, trace_id);
create index feedback_time on feedback (workspace_id, created_at);

create table outcomes (
  workspace_id int4 not null,
  outcome_id uuid not null,
  trace_id uuid,
  session_id text,
  name text not null,
  success boolean not null,
  value_nano int8,
  created_at timestamptz not null,
  primary key (workspace_id, outcome_id)
);
create index outcomes_trace on outcomes (workspace_id, trace_id) where trace_id is not null;
create index outcomes_time on outcomes (workspace_id, created_at);
create index outcomes_session on outcomes (workspace_id, session_id) where session_id is not null;

create table outbox (
  outbox_id int8 generated always as identity primary key,
  workspace_id int4 not null,
  workspace uuid not null,
  created_at timestamptz not null default now(),
  trace_ids uuid[] not null,
  revisions int8[] not null
)
-- Rows live for seconds, so the table stays small only if it is vacuumed by count and not by share.
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

create table evaluations (
  workspace_id int4 not null,
  evaluation_id uuid not null,
  trace_id uuid not null,
  created_at timestamptz not null default now(),
  evaluator text not null,
  scores jsonb not null,
  overall float8,
  model text,
  cost_nano int8,
  primary key (workspace_id, evaluation_id)
);
create index evaluations_trace on evaluations (workspace_id, trace_id);
create index evaluations_time on evaluations (workspace_id, created_at);

create table guardrail_violations (
  workspace_id int4 not null,
  violation_id uuid not null,
  trace_id uuid not null,
  span_id int8,
  detected_at timestamptz not null default now(),
  type text not null,
  severity text not null,
  rule_id uuid,
  details jsonb not null,
  primary key (workspace_id, violation_id)
);
create index guardrail_violations_time on guardrail_violations (workspace_id, detected_at desc);

/*timescale:
select create_hypertable('spans', by_range('start_time', interval '1 day'), create_default_indexes => false);
select create_hypertable('span_logs', by_range('log_time', interval '1 day'), create_default_indexes => false);
select create_hypertable('span_payloads', by_range('start_time', interval '1 day'), create_default_indexes => false);
select create_hypertable('traces', by_range('start_time', interval '1 day'), create_default_indexes => false);
select create_hypertable('ingest_receipts', by_range('received_at', interval '1 day'), create_default_indexes => false);

-- Segments by workspace, since every query names one; a segment a trace would hold seven rows where a thousand compress
-- well. Old spans are read by trace and old traces by time, hence the orders, whose bounds are kept a batch.
alter table spans set (
  timescaledb.enable_columnstore, timescaledb.segmentby = 'workspace_id',
  timescaledb.orderby = 'trace_id, span_id, start_time'
);
alter table span_logs set (
  timescaledb.enable_columnstore, timescaledb.segmentby = 'workspace_id',
  timescaledb.orderby = 'trace_id, digest, log_time'
);
alter table traces set (
  timescaledb.enable_columnstore, timescaledb.segmentby = 'workspace_id',
  timescaledb.orderby = 'start_time desc, trace_id'
);
-- Not span_payloads: its bodies are compressed already, and one would be read by unpacking a thousand.
call add_columnstore_policy('spans', after => interval '7 days');
call add_columnstore_policy('span_logs', after => interval '7 days');
call add_columnstore_policy('traces', after => interval '7 days');

select add_retention_policy('spans', drop_after => interval '90 days');
select add_retention_policy('span_logs', drop_after => interval '90 days');
select add_retention_policy('span_payloads', drop_after => interval '90 days');
select add_retention_policy('traces', drop_after => interval '90 days');
select add_retention_policy('ingest_receipts', drop_after => interval '7 days');
*/
