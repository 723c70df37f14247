-- What the CRMs hold as won, and how a lead came to be, for counting; filled whenever a row is written.
ALTER TABLE mirror ADD COLUMN won BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE mirror ADD COLUMN amount DOUBLE PRECISION;
ALTER TABLE lead ADD COLUMN origin_kind TEXT COLLATE "C";
