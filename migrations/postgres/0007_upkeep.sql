-- Why things were done, what an admin must hear, what decisions count, who drives what.

CREATE TABLE reason (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY NOT NULL,
    verb TEXT COLLATE "C" NOT NULL,
    config TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    lead UUID,
    handoff UUID,
    capture UUID,
    delivery UUID,
    body TEXT NOT NULL
);
CREATE INDEX reason_lead ON reason (lead, seq) WHERE lead IS NOT NULL;
CREATE INDEX reason_handoff ON reason (handoff, seq) WHERE handoff IS NOT NULL;

CREATE TABLE alarm (
    key TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    detail TEXT NOT NULL,
    raised BOOLEAN NOT NULL,
    since BIGINT NOT NULL, -- raised first since the last all-clear
    at BIGINT NOT NULL,
    count BIGINT NOT NULL
);

CREATE TABLE counter (
    key TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
);

-- The one active config.
CREATE TABLE config (
    one SMALLINT PRIMARY KEY NOT NULL CHECK (one = 1),
    epoch BIGINT NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL
);

CREATE TABLE lease (
    name TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    holder TEXT COLLATE "C" NOT NULL,
    until BIGINT NOT NULL,
    note TEXT NOT NULL
);

CREATE TABLE meta (
    key TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
);

-- Taking turns: a batch that decides locks, sorted, the rows its keys fall on. SQLite has this by its one writer.
CREATE TABLE turn (
    bucket BIGINT PRIMARY KEY NOT NULL
);
INSERT INTO turn (bucket) SELECT g FROM generate_series(0, 4095) AS g;
