-- Keys of counted events take half the room: 64 bits of the digest, what is told late by the minutes below zero, and no time
-- of arrival where the minute says enough. Visits are looked at when they may be over, and no index changes with an event.

CREATE TABLE event_key_new (
    minute INTEGER NOT NULL, -- by the clock of whoever told it; below zero (-1 - minute): told late, or (-1) without a time
    digest INTEGER NOT NULL,
    seen INTEGER, -- when it reached us, of what was told late
    PRIMARY KEY (minute, digest)
) WITHOUT ROWID;
INSERT OR IGNORE INTO event_key_new (minute, digest, seen)
SELECT CASE WHEN late = 1 THEN -1 - minute ELSE minute END, a, CASE WHEN late = 1 THEN seen END FROM event_key
ORDER BY late DESC, CASE WHEN late = 1 THEN -1 - minute ELSE minute END, a;
DROP TABLE event_key;
ALTER TABLE event_key_new RENAME TO event_key;
CREATE INDEX event_key_seen ON event_key (seen) WHERE minute < 0;

ALTER TABLE visit ADD COLUMN newest INTEGER NOT NULL DEFAULT 0; -- when the last of it reached us
UPDATE visit SET newest = over - 1800000000;
