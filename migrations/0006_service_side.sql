-- Whether the vendor's servers may act as the people of a site, as far as the vendor has allowed it.
alter table site_rule add column act_as boolean not null default true;
