set local lock_timeout = '5s';

-- Hash of address and user agent: a device that logged in before is let through when strangers exhaust the attempts.
alter table sessions add column device_hash bytea;
create index sessions_device on sessions (user_id, device_hash) where device_hash is not null;
