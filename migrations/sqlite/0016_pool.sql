-- The part of the pool a lead is in. No index: parts are few and large, and a lead is written far more often than listed.
ALTER TABLE lead ADD COLUMN pool TEXT;
