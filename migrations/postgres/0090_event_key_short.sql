-- Keys of counted events take half the room: 64 bits of the digest, what is told late by the minutes below zero, and no time
-- of arrival where the minute says enough. Visits are looked at when they may be over, and no index changes with an event.

CREATE TABLE event_key_new (
    minute BIGINT NOT NULL, -- by the clock of whoever told it; below zero (-1 - minute): told late, or (-1) without a time
    digest BIGINT NOT NULL,
    seen BIGINT -- when it reached us, of what was told late
);
INSERT INTO event_key_new (minute, digest, seen)
SELECT CASE WHEN late = 1 THEN -1 - minute ELSE minute END, a, MAX(CASE WHEN late = 1 THEN seen END) FROM event_key
GROUP BY 1, 2;
DROP TABLE event_key;
ALTER TABLE event_key_new RENAME TO event_key;
ALTER TABLE event_key ADD CONSTRAINT event_key_pkey PRIMARY KEY (minute, digest);
CREATE INDEX event_key_seen ON event_key (seen) WHERE minute < 0;

ALTER TABLE visit ADD COLUMN newest BIGINT NOT NULL DEFAULT 0; -- when the last of it reached us
UPDATE visit SET newest = over - 1800000000;
-- Counting changes no indexed column, so a row can stay on its page where there is room.
ALTER TABLE visit SET (fillfactor = 70);
