-- A renewal changes its link's row three times: claim, tokens, record. The tokens change no column of an index, as a rule,
-- so PostgreSQL can write them without touching one where the page has room.

-- Whether Jira may lack the newest key, as it was when the link was last given back. A link that is claimed says nothing
-- about it. The version before knows nothing of this column: a key that it leaves unpublished while the service may not
-- be asked goes to Jira once the service may be asked.
alter table link add column lacks_key boolean not null default false;
update link set lacks_key = true where state <> 'reconnect' and (published_generation < generation or put_again > 0);
create index link_lacks_key on link (client_key, due_at) where state <> 'reconnect' and (claim is not null or lacks_key);
drop index link_unpublished;

-- An intent is part of a claim. What an ended claim has left open is `unsettled`.
update link set unsettled = true, intent_at = null where intent_at is not null and claim is null;
create index link_unsettled on link (unsettled) where unsettled;
drop index link_intent;
