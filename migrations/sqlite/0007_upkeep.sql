-- Why things were done, what an admin must hear, what decisions count, who drives what.

CREATE TABLE reason (
    seq INTEGER PRIMARY KEY NOT NULL,
    verb TEXT NOT NULL,
    config TEXT NOT NULL,
    at INTEGER NOT NULL,
    lead TEXT,
    handoff TEXT,
    capture TEXT,
    delivery TEXT,
    body TEXT NOT NULL
);
CREATE INDEX reason_lead ON reason (lead, seq) WHERE lead IS NOT NULL;
CREATE INDEX reason_handoff ON reason (handoff, seq) WHERE handoff IS NOT NULL;

CREATE TABLE alarm (
    key TEXT PRIMARY KEY NOT NULL,
    code TEXT NOT NULL,
    detail TEXT NOT NULL,
    raised INTEGER NOT NULL,
    since INTEGER NOT NULL, -- raised first since the last all-clear
    at INTEGER NOT NULL,
    count INTEGER NOT NULL
);

CREATE TABLE counter (
    key TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
);

-- The one active config.
CREATE TABLE config (
    one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    epoch INTEGER NOT NULL,
    hash TEXT NOT NULL,
    at INTEGER NOT NULL
);

CREATE TABLE lease (
    name TEXT PRIMARY KEY NOT NULL,
    holder TEXT NOT NULL,
    until INTEGER NOT NULL,
    note TEXT NOT NULL
);

CREATE TABLE meta (
    key TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
);

-- Taking turns between nodes. An SQLite file has one writer, so the table stays empty here.
CREATE TABLE turn (
    bucket INTEGER PRIMARY KEY NOT NULL
);
