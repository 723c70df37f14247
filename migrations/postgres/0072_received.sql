-- What was paid so far, as the CRMs hold it; filled whenever a row is written.
ALTER TABLE mirror ADD COLUMN received DOUBLE PRECISION;
