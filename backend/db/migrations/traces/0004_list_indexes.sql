set local lock_timeout = '5s';

-- What occurs among the spans of a trace, so that filters by it need not visit spans. A row has kinds since this
-- version; without them nothing is known and the spans are asked. Lists are cut where the trace's others are.
alter table traces
  add column kinds int2[],
  add column tools text[],
  add column services text[];

create index traces_agent on traces (workspace_id, agent_id, start_time desc, trace_id) where agent_id is not null;
create index traces_failed on traces (workspace_id, start_time desc, trace_id) where status <> 0;
