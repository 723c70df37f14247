-- What was pushed to us, what was read from it, and how duplicates are known.

CREATE TABLE push (
    id UUID PRIMARY KEY NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    arrived BIGINT NOT NULL,
    method TEXT COLLATE "C" NOT NULL,
    path TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BYTEA NOT NULL,
    config TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL, -- read, parked
    code TEXT COLLATE "C",
    detail TEXT
);
CREATE INDEX push_source ON push (source, arrived);
CREATE INDEX push_parked ON push (id) WHERE state = 'parked';

CREATE TABLE capture (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY NOT NULL, -- order of keeping
    id UUID NOT NULL UNIQUE,
    push UUID,
    place BIGINT NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    shard BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL, -- touch, feedback
    happened BIGINT NOT NULL,
    arrived BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL, -- due, done, parked
    ending TEXT COLLATE "C", -- touched, answered, nothing, parked
    lead UUID,
    handoff UUID,
    code TEXT COLLATE "C",
    detail TEXT,
    body TEXT NOT NULL
);
CREATE INDEX capture_due ON capture (seq) WHERE state = 'due';
CREATE INDEX capture_parked ON capture (id) WHERE state = 'parked';
CREATE INDEX capture_lead ON capture (lead, seq) WHERE lead IS NOT NULL;
CREATE INDEX capture_source ON capture (source, arrived);

CREATE TABLE quarantine (
    push UUID NOT NULL,
    place BIGINT NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    detail TEXT NOT NULL,
    fixed BOOLEAN NOT NULL,
    state TEXT COLLATE "C" NOT NULL, -- open, resolved
    body TEXT NOT NULL,
    PRIMARY KEY (push, place)
);
CREATE INDEX quarantine_open ON quarantine (push, place) WHERE state = 'open';

CREATE TABLE dedup (
    source TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    seen BIGINT NOT NULL,
    expires BIGINT, -- null: never
    PRIMARY KEY (source, key)
);
CREATE INDEX dedup_expires ON dedup (expires) WHERE expires IS NOT NULL;

-- Rows come and go by the thousand: dead ones are cleared early, or every claim would step over them.
ALTER TABLE capture SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
