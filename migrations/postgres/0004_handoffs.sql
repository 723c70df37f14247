-- Passing leads to sales: where each hand-over stands, why it was decided so, what sales answered, what is due.

CREATE TABLE handoff (
    id UUID PRIMARY KEY NOT NULL,
    version BIGINT NOT NULL,
    lead UUID NOT NULL,
    link TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    open BOOLEAN NOT NULL,
    state_since BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    delivered_at BIGINT,
    answered_at BIGINT,
    due_at BIGINT,
    rule TEXT COLLATE "C",
    owner_user TEXT COLLATE "C",
    owner_person TEXT COLLATE "C",
    company_key TEXT COLLATE "C",
    feedback TEXT COLLATE "C",
    code TEXT COLLATE "C",
    body TEXT NOT NULL
);
CREATE INDEX handoff_lead ON handoff (lead, state_since);
-- One hand-over, one CRM record: a second open one of the same lead is refused, whatever went wrong before.
CREATE UNIQUE INDEX handoff_one_open ON handoff (lead, link) WHERE open;
CREATE INDEX handoff_company ON handoff (company_key) WHERE open AND company_key IS NOT NULL;
CREATE INDEX handoff_load ON handoff (link, owner_user) WHERE open AND owner_user IS NOT NULL;

CREATE TABLE decision (
    id UUID PRIMARY KEY NOT NULL,
    handoff UUID NOT NULL,
    lead UUID NOT NULL,
    at BIGINT NOT NULL,
    config TEXT COLLATE "C" NOT NULL,
    rule TEXT COLLATE "C",
    body TEXT NOT NULL
);
CREATE INDEX decision_lead ON decision (lead);
CREATE INDEX decision_at ON decision (at);

CREATE TABLE feedback (
    handoff UUID NOT NULL,
    capture UUID NOT NULL,
    lead UUID NOT NULL,
    at BIGINT NOT NULL,
    tag TEXT COLLATE "C" NOT NULL,
    remark TEXT,
    said_by TEXT COLLATE "C",
    next_action TEXT COLLATE "C" NOT NULL,
    next_at BIGINT,
    PRIMARY KEY (handoff, capture)
);
CREATE INDEX feedback_lead ON feedback (lead);

CREATE TABLE deadline (
    key TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    step BIGINT NOT NULL,
    lead UUID NOT NULL,
    handoff UUID
);
CREATE INDEX deadline_at ON deadline (at);
CREATE INDEX deadline_lead ON deadline (lead);
