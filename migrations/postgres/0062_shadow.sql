-- A second rule set beside the live one: how far it looked, and what it made of each lead. No decision reads it.

CREATE TABLE shadow_run (
    rules TEXT COLLATE "C" PRIMARY KEY NOT NULL, -- the hash of its files
    since BIGINT NOT NULL,
    reached BIGINT NOT NULL, -- the latest decision it looked at
    version BIGINT NOT NULL,
    turns TEXT NOT NULL
);

CREATE TABLE shadow (
    rules TEXT COLLATE "C" NOT NULL,
    decision UUID NOT NULL,
    lead UUID NOT NULL,
    at BIGINT NOT NULL,
    region TEXT COLLATE "C" NOT NULL,
    live_rule TEXT COLLATE "C" NOT NULL,
    live_to TEXT COLLATE "C" NOT NULL,
    shadow_rule TEXT COLLATE "C" NOT NULL,
    shadow_to TEXT COLLATE "C" NOT NULL,
    verdict TEXT COLLATE "C" NOT NULL,
    failed TEXT,
    PRIMARY KEY (rules, decision)
);
CREATE INDEX shadow_rules_at ON shadow (rules, at);
CREATE INDEX shadow_at ON shadow (at);
CREATE INDEX shadow_lead ON shadow (lead);
