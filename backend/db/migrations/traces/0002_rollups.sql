set local lock_timeout = '5s';

-- Whether tokens and cost of a span count for its trace; the leaf rule decides when the trace is folded.
alter table spans add column counted boolean not null default false;

-- The days (UTC) in which rows of the traces lie, so that cached answers about them are found stale.
alter table outbox add column days date[] not null default '{}';

-- Histograms have bins whose bounds grow by 1.02/0.98, so that the middle of a bin is within 2 % of each value in it
-- (DDSketch, Masson et al. 2019, arXiv:1908.10693). An element of an array is bin * 2^40 + count; counts may be
-- negative in deltas. Durations have bins below 1000, times to the first token bins from 1000 on.
create function hist_item(microseconds int8, first_bin int, count int) returns int8
language sql immutable parallel safe as $$
  select ((least(999, ceil(ln(greatest(microseconds, 1)::float8) / 0.040005334613699))::int8 + first_bin) << 40) + count
$$;
create function hist_bin(item int8) returns int8 language sql immutable parallel safe as $$
  select (item + 549755813888) >> 40
$$;
create function hist_count(item int8) returns int8 language sql immutable parallel safe as $$
  select item - (((item + 549755813888) >> 40) << 40)
$$;
create function hist_add(a int8[], b int8[]) returns int8[] language sql immutable parallel safe as $$
  select coalesce(array_agg((bin << 40) + count order by bin), '{}')
  from (
    select (item + 549755813888) >> 40 as bin,
      sum(item - (((item + 549755813888) >> 40) << 40))::int8 as count
    from unnest(a || b) item group by 1
  ) merged where count <> 0
$$;
-- What messages of one cause have in common: ids, numbers, quoted texts and addresses are left out.
create function normalise_error(message text) returns text language sql immutable parallel safe as $$
  select left(btrim(
    regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
      left(coalesce(message, ''), 2000),
      '[a-z][a-z0-9+.-]*://[^\s"''<>]+', '<url>', 'gi'),
      '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', '<id>', 'gi'),
      '"[^"\n]+"|''[^''\n]+''', '<text>', 'g'),
      '\m(?=[0-9a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{8,}\M', '<id>', 'gi'),
      '[0-9]+([.,:][0-9]+)*', '<n>', 'g'),
      '\s+', ' ', 'g')), 300)
$$;

create table rollup_deltas_traces (
  workspace_id int4 not null,
  bucket timestamptz not null,
  environment text not null, agent_id text not null, release text not null, status int2 not null,
  user_id text not null, session_id text not null,
  n int8 not null, errors int8 not null, timeouts int8 not null, duration_us int8 not null,
  duration_n int8 not null, tokens_input int8 not null, tokens_output int8 not null, tokens_total int8 not null,
  tokens_cached int8 not null, tokens_reasoning int8 not null, cost_nano int8 not null, unpriced int8 not null,
  spans int8 not null, llm_calls int8 not null, tool_calls int8 not null,
  hist int8[] not null
)
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_insert_threshold = -1);
create index rollup_deltas_traces_bucket on rollup_deltas_traces (workspace_id, bucket);
create table rollup_deltas_spans (
  workspace_id int4 not null,
  bucket timestamptz not null,
  environment text not null, agent_id text not null, release text not null, kind int2 not null,
  model text not null, provider text not null, tool_name text not null, status int2 not null,
  cost_source int2 not null,
  n int8 not null, errors int8 not null, timeouts int8 not null, duration_us int8 not null,
  duration_n int8 not null, tokens_input int8 not null, tokens_output int8 not null, tokens_total int8 not null,
  tokens_cached int8 not null, tokens_reasoning int8 not null, cost_nano int8 not null, unpriced int8 not null,
  counted int8 not null,
  hist int8[] not null
)
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_insert_threshold = -1);
create index rollup_deltas_spans_bucket on rollup_deltas_spans (workspace_id, bucket);
create table rollup_deltas_errors (
  workspace_id int4 not null,
  bucket timestamptz not null,
  environment text not null, agent_id text not null, kind int2 not null, error_group int8 not null,
  n int8 not null,
  error_type text,
  message text not null,
  trace_id uuid not null,
  span_id int8 not null
)
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_insert_threshold = -1);
create index rollup_deltas_errors_bucket on rollup_deltas_errors (workspace_id, bucket);

create table rollup_total_30s (
  workspace_id int4 not null,
  bucket timestamptz not null,
  key int8 not null,
  environment text not null,
  n int8 not null, errors int8 not null, timeouts int8 not null, duration_us int8 not null,
  duration_n int8 not null, tokens_input int8 not null, tokens_output int8 not null, tokens_total int8 not null,
  tokens_cached int8 not null, tokens_reasoning int8 not null, cost_nano int8 not null, unpriced int8 not null,
  spans int8 not null, llm_calls int8 not null, tool_calls int8 not null,
  hist int8[] not null,
  primary key (workspace_id, bucket, key)
) with (fillfactor = 70);
create table rollup_total_1h (like rollup_total_30s including indexes including storage) with (fillfactor = 70);
create table rollup_total_1d (like rollup_total_30s including indexes including storage) with (fillfactor = 70);
create table rollup_agent_30s (
  workspace_id int4 not null,
  bucket timestamptz not null,
  key int8 not null,
  environment text not null, agent_id text not null,
  n int8 not null, errors int8 not null, timeouts int8 not null, duration_us int8 not null,
  duration_n int8 not null, tokens_input int8 not null, tokens_output int8 not null, tokens_total int8 not null,
  tokens_cached int8 not null, tokens_reasoning int8 not null, cost_nano int8 not null, unpriced int8 not null,
  spans int8 not null, llm_calls int8 not null, tool_calls int8 not null,
  hist int8[] not null,
  primary key (workspace_id, bucket, key)
) with (fillfactor = 70);
create table rollup_agent_1h (like rollup_agent_30s including indexes including storage) with (fillfactor = 70);
create table rollup_agent_1d (like rollup_agent_30s including indexes including storage) with (fillfactor = 70);
create table rollup_trace_30s (
  workspace_id int4 not null,
  bucket timestamptz not null,
  key int8 not null,
  environment text not null, agent_id text not null, release text not null, status int2 not null,
  n int8 not null, errors int8 not null, timeouts int8 not null, duration_us int8 not null,
  duration_n int8 not null, tokens_input int8 not null, tokens_output int8 not null, tokens_total int8 not null,
  tokens_cached int8 not null, tokens_reasoning int8 not null, cost_nano int8 not null, unpriced int8 not null,
  spans int8 not null, llm_calls int8 not null, tool_calls int8 not null,
  hist int8[] not null,
  primary key (workspace_id, bucket, key)
) with (fillfactor = 70);
create table rollup_trace_1h (like rollup_trace_30s including indexes including storage) with (fillfactor = 70);
create table rollup_trace_1d (like rollup_trace_30s including indexes including storage) with (fillfactor = 70);
create table rollup_user_1h (
  workspace_id int4 not null,
  bucket timestamptz not null,
  key int8 not null,
  environment text not null, user_id text not null,
  n int8 not null, errors int8 not null, tokens_total int8 not null, cost_nano int8 not null,
  primary key (workspace_id, bucket, key)
) with (fillfactor = 70);
create table rollup_user_1d (like rollup_user_1h including indexes including storage) with (fillfactor = 70);
create table rollup_user_1w (like rollup_user_1h including indexes including storage) with (fillfactor = 70);
create table rollup_session_1h (
  workspace_id int4 not null,
  bucket timestamptz not null,
  key int8 not null,
  environment text not null, session_id text not null,
  n int8 not null, errors int8 not null, tokens_total int8 not null, cost_nano int8 not null,
  primary key (workspace_id, bucket, key)
) with (fillfactor = 70);
create table rollup_session_1d (like rollup_session_1h including indexes including storage) with (fillfactor = 70);
create table rollup_session_1w (like rollup_session_1h including indexes including storage) with (fillfactor = 70);
create table rollup_model_30s (
  workspace_id int4 not null,
  bucket timestamptz not null,
  key int8 not null,
  environment text not null, model text not null, provider text not null,
  n int8 not null, errors int8 not null, timeouts int8 not null, duration_us int8 not null,
  duration_n int8 not null, tokens_input int8 not null, tokens_output int8 not null, tokens_total int8 not null,
  tokens_cached int8 not null, tokens_reasoning int8 not null, cost_nano int8 not null, unpriced int8 not null,
  counted int8 not null,
  hist int8[] not null,
  primary key (workspace_id, bucket, key)
) with (fillfactor = 70);
create table rollup_model_1h (like rollup_model_30s including indexes including storage) with (fillfactor = 70);
create table rollup_model_1d (like rollup_model_30s including indexes including storage) with (fillfactor = 70);
create table rollup_cost_30s (
  workspace_id int4 not null,
  bucket timestamptz not null,
  key int8 not null,
  environment text not null, agent_id text not null, model text not null, provider text not null,
  cost_source int2 not null,
  n int8 not null, errors int8 not null, timeouts int8 not null, duration_us int8 not null,
  duration_n int8 not null, tokens_input int8 not null, tokens_output int8 not null, tokens_total int8 not null,
  tokens_cached int8 not null, tokens_reasoning int8 not null, cost_nano int8 not null, unpriced int8 not null,
  counted int8 not null,
  primary key (workspace_id, bucket, key)
) with (fillfactor = 70);
create table rollup_cost_1h (like rollup_cost_30s including indexes including storage) with (fillfactor = 70);
create table rollup_cost_1d (like rollup_cost_30s including indexes including storage) with (fillfactor = 70);
create table rollup_kind_30s (
  workspace_id int4 not null,
  bucket timestamptz not null,
  key int8 not null,
  environment text not null, kind int2 not null, tool_name text not null,
  n int8 not null, errors int8 not null, timeouts int8 not null, duration_us int8 not null,
  duration_n int8 not null, tokens_input int8 not null, tokens_output int8 not null, tokens_total int8 not null,
  tokens_cached int8 not null, tokens_reasoning int8 not null, cost_nano int8 not null, unpriced int8 not null,
  counted int8 not null,
  hist int8[] not null,
  primary key (workspace_id, bucket, key)
) with (fillfactor = 70);
create table rollup_kind_1h (like rollup_kind_30s including indexes including storage) with (fillfactor = 70);
create table rollup_kind_1d (like rollup_kind_30s including indexes including storage) with (fillfactor = 70);
create table rollup_span_30s (
  workspace_id int4 not null,
  bucket timestamptz not null,
  key int8 not null,
  environment text not null, agent_id text not null, release text not null, kind int2 not null,
  model text not null, provider text not null, tool_name text not null, status int2 not null,
  n int8 not null, errors int8 not null, timeouts int8 not null, duration_us int8 not null,
  duration_n int8 not null, tokens_input int8 not null, tokens_output int8 not null, tokens_total int8 not null,
  tokens_cached int8 not null, tokens_reasoning int8 not null, cost_nano int8 not null, unpriced int8 not null,
  counted int8 not null,
  hist int8[] not null,
  primary key (workspace_id, bucket, key)
) with (fillfactor = 70);
create table rollup_span_1h (like rollup_span_30s including indexes including storage) with (fillfactor = 70);
create table rollup_span_1d (like rollup_span_30s including indexes including storage) with (fillfactor = 70);
create table rollup_error_30s (
  workspace_id int4 not null,
  bucket timestamptz not null,
  key int8 not null,
  environment text not null, agent_id text not null, kind int2 not null, error_group int8 not null,
  n int8 not null,
  primary key (workspace_id, bucket, key)
) with (fillfactor = 70);
create table rollup_error_1h (like rollup_error_30s including indexes including storage) with (fillfactor = 70);
create table rollup_error_1d (like rollup_error_30s including indexes including storage) with (fillfactor = 70);

-- The latest failure of each kind; its label lives as long as rollups do.
create table error_groups (
  workspace_id int4 not null,
  error_group int8 not null,
  error_type text,
  message text not null,
  first_seen timestamptz not null,
  last_seen timestamptz not null,
  trace_id uuid not null,
  span_id int8 not null,
  primary key (workspace_id, error_group)
);
