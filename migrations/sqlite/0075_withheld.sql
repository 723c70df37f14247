-- Conflicts between pool and CRM that the fuse keeps from the review list: how many a record has.

ALTER TABLE remote_link ADD COLUMN withheld INTEGER NOT NULL DEFAULT 0;
CREATE INDEX remote_link_withheld ON remote_link (at) WHERE withheld > 0;
