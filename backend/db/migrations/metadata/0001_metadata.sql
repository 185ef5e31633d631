set local lock_timeout = '5s';

create table users (
  user_id uuid primary key,
  email text not null,
  full_name text not null,
  password_hash text not null,
  platform_role text not null default 'user' check (platform_role in ('user', 'platform_admin')),
  is_active boolean not null default true,
  is_demo boolean not null default false,
  last_workspace_id uuid,
  created_at timestamptz not null default now(),
  last_login_at timestamptz
);
create unique index users_email on users (lower(email));

create table workspaces (
  workspace_id uuid primary key,
  number int4 generated always as identity unique,
  name text not null,
  slug text not null unique,
  description text not null default '',
  timezone text not null default 'UTC',
  retention_days int4 not null default 90 check (retention_days between 1 and 3650),
  rollup_retention_days int4 not null default 396 check (rollup_retention_days between 1 and 3650),
  monthly_budget_usd numeric(14, 2),
  budget_thresholds int4[] not null default '{50,80,100}',
  created_at timestamptz not null default now(),
  deleted_at timestamptz
);
alter table users add foreign key (last_workspace_id) references workspaces on delete set null;

create table workspace_members (
  workspace_id uuid not null references workspaces on delete cascade,
  user_id uuid not null references users on delete cascade,
  role text not null check (role in ('owner', 'admin', 'member', 'viewer', 'billing')),
  created_at timestamptz not null default now(),
  primary key (workspace_id, user_id)
);
create index workspace_members_user on workspace_members (user_id);

create table invitations (
  invitation_id uuid primary key,
  workspace_id uuid not null references workspaces on delete cascade,
  email text not null,
  role text not null check (role in ('admin', 'member', 'viewer', 'billing')),
  token_hash bytea not null unique,
  invited_by uuid not null references users on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  accepted_at timestamptz
);
create index invitations_workspace on invitations (workspace_id);

create table sessions (
  session_id uuid primary key,
  user_id uuid not null references users on delete cascade,
  workspace_id uuid references workspaces on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  revoked_at timestamptz,
  revoked_reason text,
  user_agent text
);
create index sessions_user on sessions (user_id);

create table refresh_tokens (
  token_hash bytea primary key,
  session_id uuid not null references sessions on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  consumed_at timestamptz,
  successor_sealed bytea
);
create index refresh_tokens_session on refresh_tokens (session_id);

create table password_resets (
  token_hash bytea primary key,
  user_id uuid not null references users on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz
);
create index password_resets_user on password_resets (user_id);

create table api_keys (
  key_id uuid primary key,
  workspace_id uuid not null references workspaces on delete cascade,
  created_by uuid not null references users on delete cascade,
  name text not null,
  prefix text not null,
  lookup_hash bytea not null unique,
  verifier text not null,
  scopes text[] not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz
);
create index api_keys_workspace on api_keys (workspace_id, created_at desc);

create table audit_log (
  audit_id int8 generated always as identity primary key,
  occurred_at timestamptz not null default now(),
  workspace_id uuid,
  actor_type text not null check (actor_type in ('user', 'api_key', 'system', 'anonymous')),
  actor_id uuid,
  action text not null,
  target_type text,
  target_id text,
  result text not null check (result in ('success', 'failure')),
  ip_address inet,
  request_id text,
  details jsonb not null default '{}'
);
create index audit_log_workspace on audit_log (workspace_id, occurred_at desc);

create table agents (
  workspace_id uuid not null references workspaces on delete cascade,
  agent_id text not null,
  display_name text,
  description text,
  created_at timestamptz not null default now(),
  primary key (workspace_id, agent_id)
);

create table guardrail_rules (
  rule_id uuid primary key,
  workspace_id uuid not null references workspaces on delete cascade,
  name text not null,
  type text not null,
  config jsonb not null default '{}',
  severity text not null default 'warning',
  enabled boolean not null default true,
  created_by uuid references users on delete set null,
  created_at timestamptz not null default now()
);
create index guardrail_rules_workspace on guardrail_rules (workspace_id);

create table alert_rules (
  rule_id uuid primary key,
  workspace_id uuid not null references workspaces on delete cascade,
  name text not null,
  metric text not null,
  operator text not null,
  threshold float8 not null,
  window_seconds int4 not null,
  severity text not null,
  filters jsonb not null default '{}',
  channels jsonb not null default '[]',
  enabled boolean not null default true,
  created_by uuid references users on delete set null,
  created_at timestamptz not null default now()
);
create index alert_rules_workspace on alert_rules (workspace_id);

create table alert_notifications (
  notification_id uuid primary key,
  workspace_id uuid not null references workspaces on delete cascade,
  rule_id uuid references alert_rules on delete set null,
  state text not null,
  fired_at timestamptz not null default now(),
  resolved_at timestamptz,
  acknowledged_by uuid references users on delete set null,
  details jsonb not null default '{}'
);
create index alert_notifications_workspace on alert_notifications (workspace_id, fired_at desc);

create table business_goals (
  goal_id uuid primary key,
  workspace_id uuid not null references workspaces on delete cascade,
  name text not null,
  metric text not null,
  target_value float8 not null,
  current_value float8 not null default 0,
  created_at timestamptz not null default now()
);
create index business_goals_workspace on business_goals (workspace_id);

create table jobs (
  job_id uuid primary key,
  workspace_id uuid not null references workspaces on delete cascade,
  owner_id uuid references users on delete set null,
  type text not null,
  status text not null default 'queued',
  progress float8 not null default 0,
  params jsonb not null default '{}',
  result jsonb,
  error text,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz
);
create index jobs_workspace on jobs (workspace_id, created_at desc);

create table job_logs (
  job_log_id int8 generated always as identity primary key,
  job_id uuid not null references jobs on delete cascade,
  logged_at timestamptz not null default now(),
  level text not null,
  message text not null
);
create index job_logs_job on job_logs (job_id, job_log_id);

-- The audit log may be written and read, never changed, whoever owns the table.
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'audit_log is append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger audit_log_append_only before update or delete or truncate on audit_log
  for each statement execute function refuse_change();
alter table audit_log enable always trigger audit_log_append_only;
