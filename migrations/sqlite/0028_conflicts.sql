-- Conflicts between pool and CRM that wait for a person: how many a record has.

ALTER TABLE remote_link ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0;
CREATE INDEX remote_link_waiting ON remote_link (at) WHERE waiting > 0;
