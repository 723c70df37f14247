-- Passing leads to sales: where each hand-over stands, why it was decided so, what sales answered, what is due.

CREATE TABLE handoff (
    id TEXT PRIMARY KEY NOT NULL,
    version INTEGER NOT NULL,
    lead TEXT NOT NULL,
    link TEXT NOT NULL,
    state TEXT NOT NULL,
    open INTEGER NOT NULL,
    state_since INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    delivered_at INTEGER,
    answered_at INTEGER,
    due_at INTEGER,
    rule TEXT,
    owner_user TEXT,
    owner_person TEXT,
    company_key TEXT,
    feedback TEXT,
    code TEXT,
    body TEXT NOT NULL
);
CREATE INDEX handoff_lead ON handoff (lead, state_since);
-- One hand-over, one CRM record: a second open one of the same lead is refused, whatever went wrong before.
CREATE UNIQUE INDEX handoff_one_open ON handoff (lead, link) WHERE open;
CREATE INDEX handoff_company ON handoff (company_key) WHERE open AND company_key IS NOT NULL;
CREATE INDEX handoff_load ON handoff (link, owner_user) WHERE open AND owner_user IS NOT NULL;

CREATE TABLE decision (
    id TEXT PRIMARY KEY NOT NULL,
    handoff TEXT NOT NULL,
    lead TEXT NOT NULL,
    at INTEGER NOT NULL,
    config TEXT NOT NULL,
    rule TEXT,
    body TEXT NOT NULL
);
CREATE INDEX decision_lead ON decision (lead);
CREATE INDEX decision_at ON decision (at);

CREATE TABLE feedback (
    handoff TEXT NOT NULL,
    capture TEXT NOT NULL,
    lead TEXT NOT NULL,
    at INTEGER NOT NULL,
    tag TEXT NOT NULL,
    remark TEXT,
    said_by TEXT,
    next_action TEXT NOT NULL,
    next_at INTEGER,
    PRIMARY KEY (handoff, capture)
);
CREATE INDEX feedback_lead ON feedback (lead);

CREATE TABLE deadline (
    key TEXT PRIMARY KEY NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    step INTEGER NOT NULL,
    lead TEXT NOT NULL,
    handoff TEXT
);
CREATE INDEX deadline_at ON deadline (at);
CREATE INDEX deadline_lead ON deadline (lead);
