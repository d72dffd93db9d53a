-- The language and the theme of the page in Jira where a ticket was made. The pages that it opens look the same.
alter table ticket add column language text;
alter table ticket add column color_mode text;
