-- The fingerprint of the handle that Jira has confirmed to hold, where the property holds no key, and the published
-- generation that was recorded with it. The fingerprint counts only while both agree: a version that does not know
-- these columns may have put something else and recorded a later generation. Null where the property holds the key.
alter table link add column handle text;
alter table link add column handle_generation bigint;
