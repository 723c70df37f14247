-- A capture that became a touch, and the reasons of that, are found by the touch: the index of touches by lead leads to it, and
-- from there keys go on that grow at their end. So two indexes less are written at places that lie all over the file.

-- 1: a touch of the same lead tells of it, written in the same transaction. What was there before stays in the index of leads.
ALTER TABLE capture ADD COLUMN by_touch INTEGER NOT NULL DEFAULT 0;
DROP INDEX capture_lead;
CREATE INDEX capture_lead ON capture (lead, seq) WHERE lead IS NOT NULL AND NOT by_touch;

-- The same, of its capture.
ALTER TABLE reason ADD COLUMN by_touch INTEGER NOT NULL DEFAULT 0;
DROP INDEX reason_lead;
CREATE INDEX reason_lead ON reason (lead, seq) WHERE lead IS NOT NULL AND NOT by_touch;
CREATE INDEX reason_capture ON reason (capture, seq) WHERE by_touch;
