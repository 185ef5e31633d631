set local lock_timeout = '5s';

-- Kinds, models and tools of one agent are a few of the many combinations of a month.
create index rollup_span_1h_agent on rollup_span_1h (workspace_id, agent_id, bucket);
create index rollup_span_1d_agent on rollup_span_1d (workspace_id, agent_id, bucket);
