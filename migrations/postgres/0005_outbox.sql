-- What is to be said to other systems. Of each (link, stream) only the first unsettled delivery is due, claimed or
-- parked; those behind it are `waiting`. So a claim never looks at them, however many there are.

CREATE TABLE delivery (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY NOT NULL, -- order of making
    id UUID NOT NULL UNIQUE,
    link TEXT COLLATE "C" NOT NULL,
    stream TEXT COLLATE "C" NOT NULL,
    lane BIGINT NOT NULL, -- 0 hot, 1 normal, 2 backfill
    purpose TEXT COLLATE "C" NOT NULL,
    op TEXT COLLATE "C" NOT NULL,
    object TEXT COLLATE "C",
    lead UUID,
    handoff UUID,
    state TEXT COLLATE "C" NOT NULL, -- waiting, due, claimed, settled, parked
    due_at BIGINT NOT NULL,
    claimed_until BIGINT,
    hurry_at BIGINT, -- somebody asked for it while it was under way
    attempt BIGINT NOT NULL,
    probe BIGINT,
    created_at BIGINT NOT NULL,
    settled_at BIGINT,
    standing TEXT COLLATE "C",
    code TEXT COLLATE "C",
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

ALTER TABLE delivery SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);

-- What each attempt brought. A standing delivery leaves one only where it failed.
CREATE TABLE attempt (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY NOT NULL,
    delivery UUID NOT NULL,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    class TEXT COLLATE "C" NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX attempt_delivery ON attempt (delivery, seq);
