-- What is to be said to other systems. Of each (link, stream) only the first unsettled delivery is due, claimed or
-- parked; those behind it are `waiting`. So a claim never looks at them, however many there are.

CREATE TABLE delivery (
    seq INTEGER PRIMARY KEY NOT NULL, -- order of making
    id TEXT NOT NULL UNIQUE,
    link TEXT NOT NULL,
    stream TEXT NOT NULL,
    lane INTEGER NOT NULL, -- 0 hot, 1 normal, 2 backfill
    purpose TEXT NOT NULL,
    op TEXT NOT NULL,
    object TEXT,
    lead TEXT,
    handoff TEXT,
    state TEXT NOT NULL, -- waiting, due, claimed, settled, parked
    due_at INTEGER NOT NULL,
    claimed_until INTEGER,
    hurry_at INTEGER, -- somebody asked for it while it was under way
    attempt INTEGER NOT NULL,
    probe INTEGER,
    created_at INTEGER NOT NULL,
    settled_at INTEGER,
    standing TEXT,
    code TEXT,
    detail TEXT,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX delivery_standing ON delivery (standing) WHERE standing IS NOT NULL;
CREATE INDEX delivery_poll ON delivery (link, op) WHERE standing IS NOT NULL;
CREATE INDEX delivery_due ON delivery (link, op, lane, due_at, seq) WHERE state = 'due';
CREATE INDEX delivery_stream ON delivery (link, stream, seq) WHERE state <> 'settled';
CREATE INDEX delivery_claimed ON delivery (claimed_until) WHERE state = 'claimed';
CREATE INDEX delivery_parked ON delivery (seq) WHERE state = 'parked';
CREATE INDEX delivery_lead ON delivery (lead, seq) WHERE lead IS NOT NULL;

-- What each attempt brought. A standing delivery leaves one only where it failed.
CREATE TABLE attempt (
    seq INTEGER PRIMARY KEY NOT NULL,
    delivery TEXT NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    class TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX attempt_delivery ON attempt (delivery, seq);
