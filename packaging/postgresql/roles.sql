-- Two roles for Latchkey, and its database. As a superuser, with psql 14 or newer:
--
--     OWNER_PASSWORD=… SERVER_PASSWORD=… psql --file roles.sql
--
-- latchkey_owner owns the tables and runs `latchkey migrate`; latchkey serves, and may not change a table. `\password`
-- of psql changes a password later without showing it to the server's log.
\set ON_ERROR_STOP on
\getenv owner_password OWNER_PASSWORD
\getenv server_password SERVER_PASSWORD
set password_encryption = 'scram-sha-256';
create role latchkey_owner login password :'owner_password';
create role latchkey login password :'server_password';
create database latchkey owner latchkey_owner encoding 'UTF8' template template0;
revoke all on database latchkey from public;
grant connect on database latchkey to latchkey;
\connect latchkey
revoke all on schema public from public;
alter schema public owner to latchkey_owner;
grant usage on schema public to latchkey;
-- Of what latchkey_owner creates later, too.
alter default privileges for role latchkey_owner in schema public
    grant select, insert, update, delete on tables to latchkey;
