-- When Jira said of a link's person, in its own words about this person, that they are gone, and nothing
-- has shown them since. Only the second word of it, a minute later, closes the link.
alter table link add column gone_since bigint;
