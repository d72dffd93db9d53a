-- Until when a write to Jira may still arrive that a process had on its way when it died or lost its claim. Null if there
-- was none. A version that does not know this column leaves the time on the link that replaces this one, where it is past
-- within minutes.
alter table link add column late_write_until bigint;
