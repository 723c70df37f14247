-- How often somebody who was erased was sent again and refused.
ALTER TABLE erased ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
