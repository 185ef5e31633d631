set local lock_timeout = '5s';

-- Filters, columns and order that people keep. The owner is a user or an API key, hence no reference.
create table views (
  view_id uuid primary key default gen_random_uuid(),
  workspace_id uuid not null references workspaces on delete cascade,
  owner_id uuid not null,
  name text not null,
  scope text not null check (scope in ('private', 'workspace')),
  page text not null,
  definition jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index views_workspace on views (workspace_id, page, name);
