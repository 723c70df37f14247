-- Keys of events that are counted only, so that none is counted twice. They lie by the minute in which the event happened:
-- what comes together lies together, however random the ids are.

CREATE TABLE event_key (
    late BIGINT NOT NULL, -- 1: its minute is far from when it reached us, or it has none
    minute BIGINT NOT NULL, -- by the clock of whoever told it; 0: it told none
    a BIGINT NOT NULL, -- the key's digest, 128 bits
    b BIGINT NOT NULL,
    seen BIGINT NOT NULL, -- when it reached us
    PRIMARY KEY (late, minute, a, b)
);
CREATE INDEX event_key_seen ON event_key (seen) WHERE late = 1;
