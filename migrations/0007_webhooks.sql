-- Messages to the vendor's receiver: each is written in the transaction of what it tells, and deleted once the receiver has
-- taken it.
create table webhook (
    -- Also the id that the receiver sees, however often it is sent.
    id text not null primary key,
    client_key text not null,
    -- Of one link, the messages go out one after the other, by their position.
    link_id text not null,
    position bigint not null,
    -- Whom it is about. Null once the account was closed.
    account_id text,
    at bigint not null,
    -- What is sent, sealed beyond the tenant, whose key goes with its last link.
    sealed text not null,
    due_at bigint not null,
    failures bigint not null,
    -- Who sends it at this moment.
    claim text,
    -- When the receiver had not taken it within a day. It is kept for some days to be looked at.
    given_up_at bigint
);
create unique index webhook_order on webhook (link_id, position);
create index webhook_due on webhook (due_at) where given_up_at is null;
create index webhook_waiting on webhook (at) where given_up_at is null;
create index webhook_given_up on webhook (at) where given_up_at is not null;
create index webhook_account on webhook (client_key, account_id);

-- What the receiver has said of itself.
create table webhook_receiver (
    -- A hash of its URL: another receiver begins without a past.
    receiver text not null primary key,
    -- It asked not to be called before.
    wait_until bigint not null,
    -- It said that it wants nothing any more (410).
    gone_at bigint
);
