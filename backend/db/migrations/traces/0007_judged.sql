set local lock_timeout = '5s';

-- Traces of which something was said, for their days to be found when that is announced.
alter table outbox add column judged uuid[] not null default '{}';
