-- A second rule set beside the live one: how far it looked, and what it made of each lead. No decision reads it.

CREATE TABLE shadow_run (
    rules TEXT PRIMARY KEY NOT NULL, -- the hash of its files
    since INTEGER NOT NULL,
    reached INTEGER NOT NULL, -- the latest decision it looked at
    version INTEGER NOT NULL,
    turns TEXT NOT NULL
);

CREATE TABLE shadow (
    rules TEXT NOT NULL,
    decision TEXT NOT NULL,
    lead TEXT NOT NULL,
    at INTEGER NOT NULL,
    region TEXT NOT NULL,
    live_rule TEXT NOT NULL,
    live_to TEXT NOT NULL,
    shadow_rule TEXT NOT NULL,
    shadow_to TEXT NOT NULL,
    verdict TEXT NOT NULL,
    failed TEXT,
    PRIMARY KEY (rules, decision)
) WITHOUT ROWID;
CREATE INDEX shadow_rules_at ON shadow (rules, at);
CREATE INDEX shadow_at ON shadow (at);
CREATE INDEX shadow_lead ON shadow (lead);
