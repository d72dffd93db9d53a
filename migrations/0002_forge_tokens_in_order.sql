-- When Atlassian issued the latest token of the installation that was written down.
alter table forge_installation add column issued_at bigint not null default 0;
-- A system token that ends after this takes the place of the one that is kept: its end, or sooner if the clock that it
-- was taken from was ahead.
alter table forge_installation add column system_token_yields_after bigint not null default 0;
