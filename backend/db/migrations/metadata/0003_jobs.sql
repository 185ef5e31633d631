set local lock_timeout = '5s';

-- Each run of a job takes a new fence, and only the run that holds the present one may write to the job.
alter table jobs
  add column service text not null default '',
  add column key_id uuid references api_keys on delete set null,
  add column retry_of uuid references jobs on delete set null,
  add column attempt int4 not null default 0,
  add column max_attempts int4 not null default 1,
  add column fence int8 not null default 0,
  add column worker text,
  add column message text,
  add column checkpoint jsonb not null default '{}',
  add column run_after timestamptz not null default now(),
  add column woken_at timestamptz,
  add column heartbeat_at timestamptz,
  add column cancel_requested_at timestamptz,
  add constraint jobs_status check (status in ('queued', 'running', 'succeeded', 'failed', 'cancelled'));
-- A heartbeat every few seconds finds room on the row's own page.
alter table jobs set (fillfactor = 70);
create index jobs_queued on jobs (service, run_after) where status = 'queued';
create index jobs_running on jobs (workspace_id, type) where status = 'running';
create index jobs_finished on jobs (finished_at) where finished_at is not null;

create table job_workers (
  worker text primary key,
  service text not null,
  slots int4 not null,
  busy int4 not null default 0,
  started_at timestamptz not null default now(),
  seen_at timestamptz not null default now()
);

-- What recurs: the last slot of time that was taken, by whom, and until when nobody else may take it.
create table periodic_slots (
  name text primary key,
  slot timestamptz not null,
  fence int8 not null default 1,
  worker text not null,
  lease_until timestamptz not null,
  finished_at timestamptz,
  error text
);

create table job_statistics (
  workspace_id uuid not null references workspaces on delete cascade,
  hour timestamptz not null,
  type text not null,
  created int4 not null,
  succeeded int4 not null,
  failed int4 not null,
  cancelled int4 not null,
  waiting_seconds_max float8,
  running_seconds_max float8,
  primary key (workspace_id, hour, type)
);
