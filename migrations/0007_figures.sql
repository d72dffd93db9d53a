-- What is asked about all links is counted by index (src/store/figures.rs).
create index link_expiry on link (published_expires_at) where state = 'live';
create index link_resting on link (state, reason) where state <> 'live';
create index link_failing on link (failures) where state = 'live' and failures > 0;
create index link_intent on link (intent_at) where intent_at is not null;

-- Why this tenant's Jira is left alone until wait_until.
alter table tenant add column wait_reason text;
