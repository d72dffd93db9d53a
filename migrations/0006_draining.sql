-- The worker looks every second whether there is a tenant to be forgotten.
create index tenant_draining on tenant (client_key) where draining;
