set local lock_timeout = '5s';

-- When a workspace last had a trace deleted: bodies that were stored before then may no longer be stored as a whole.
create table trace_deletions (
  workspace_id int4 primary key,
  deleted_at timestamptz not null
);
