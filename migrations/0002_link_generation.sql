-- How far each person's link has come, kept beside the link and never going back: an older row that is
-- put back into `link` is behind it and does not open, and neither does one that was taken away.
create table link_generation (
    client_key text not null,
    account_id text not null,
    generation bigint not null,
    primary key (client_key, account_id)
);
insert into link_generation (client_key, account_id, generation)
    select client_key, account_id, generation from link;
