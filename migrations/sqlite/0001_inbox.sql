-- What was pushed to us, what was read from it, and how duplicates are known.

CREATE TABLE push (
    id TEXT PRIMARY KEY NOT NULL,
    source TEXT NOT NULL,
    arrived INTEGER NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    config TEXT NOT NULL,
    state TEXT NOT NULL, -- read, parked
    code TEXT,
    detail TEXT
);
CREATE INDEX push_source ON push (source, arrived);
CREATE INDEX push_parked ON push (id) WHERE state = 'parked';

CREATE TABLE capture (
    seq INTEGER PRIMARY KEY NOT NULL, -- order of keeping
    id TEXT NOT NULL UNIQUE,
    push TEXT,
    place INTEGER NOT NULL,
    source TEXT NOT NULL,
    shard INTEGER NOT NULL,
    kind TEXT NOT NULL, -- touch, feedback
    happened INTEGER NOT NULL,
    arrived INTEGER NOT NULL,
    state TEXT NOT NULL, -- due, done, parked
    ending TEXT, -- touched, answered, nothing, parked
    lead TEXT,
    handoff TEXT,
    code TEXT,
    detail TEXT,
    body TEXT NOT NULL
);
CREATE INDEX capture_due ON capture (seq) WHERE state = 'due';
CREATE INDEX capture_parked ON capture (id) WHERE state = 'parked';
CREATE INDEX capture_lead ON capture (lead, seq) WHERE lead IS NOT NULL;
CREATE INDEX capture_source ON capture (source, arrived);

CREATE TABLE quarantine (
    push TEXT NOT NULL,
    place INTEGER NOT NULL,
    source TEXT NOT NULL,
    at INTEGER NOT NULL,
    code TEXT NOT NULL,
    detail TEXT NOT NULL,
    fixed INTEGER NOT NULL,
    state TEXT NOT NULL, -- open, resolved
    body TEXT NOT NULL,
    PRIMARY KEY (push, place)
);
CREATE INDEX quarantine_open ON quarantine (push, place) WHERE state = 'open';

CREATE TABLE dedup (
    source TEXT NOT NULL,
    key TEXT NOT NULL,
    seen INTEGER NOT NULL,
    expires INTEGER, -- null: never
    PRIMARY KEY (source, key)
) WITHOUT ROWID;
CREATE INDEX dedup_expires ON dedup (expires) WHERE expires IS NOT NULL;
