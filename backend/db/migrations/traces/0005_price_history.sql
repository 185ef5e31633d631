set local lock_timeout = '5s';

-- A price that was replaced stays, since spans name the version that they were priced by.
alter table price_versions add column replaced_at timestamptz;
drop index price_versions_natural;
create unique index price_versions_natural
  on price_versions (coalesce(workspace_id, 0), provider, model, coalesce(valid_from, '-infinity'), source)
  where replaced_at is null;
