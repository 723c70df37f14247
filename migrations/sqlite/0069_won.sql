-- What the CRMs hold as won, and how a lead came to be, for counting; filled whenever a row is written.
ALTER TABLE mirror ADD COLUMN won INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mirror ADD COLUMN amount REAL;
ALTER TABLE lead ADD COLUMN origin_kind TEXT;
