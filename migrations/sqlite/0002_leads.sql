-- The pool: one row per person, and what says who they are. Columns are for finding; the body is the truth.

CREATE TABLE lead (
    id TEXT PRIMARY KEY NOT NULL,
    version INTEGER NOT NULL,
    stage TEXT NOT NULL,
    source TEXT NOT NULL,
    channel TEXT NOT NULL,
    campaign TEXT,
    owner_user TEXT,
    owner_person TEXT,
    origin_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_touch_at INTEGER NOT NULL,
    touches INTEGER NOT NULL,
    mql_at INTEGER,
    rest_until INTEGER,
    merged_into TEXT,
    name_fold TEXT,
    company_fold TEXT,
    won_amount REAL,
    body TEXT NOT NULL
);
-- Columns that change with every touch carry no index: a lead is written far more often than it is listed.
CREATE INDEX lead_stage ON lead (stage) WHERE merged_into IS NULL;
CREATE INDEX lead_merged ON lead (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX lead_name ON lead (name_fold) WHERE name_fold IS NOT NULL;
CREATE INDEX lead_company ON lead (company_fold) WHERE company_fold IS NOT NULL;

CREATE TABLE identifier (
    value TEXT NOT NULL,
    kind TEXT NOT NULL,
    lead TEXT NOT NULL,
    source TEXT NOT NULL,
    at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (value, kind)
) WITHOUT ROWID;
CREATE INDEX identifier_lead ON identifier (lead);

-- When a lead reached a stage for the first time.
CREATE TABLE milestone (
    lead TEXT NOT NULL,
    stage TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (lead, stage)
) WITHOUT ROWID;

-- Pairs that may be one person. The smaller id stands first, so that a pair stands once.
CREATE TABLE suspect (
    lead TEXT NOT NULL,
    other TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (lead, other)
) WITHOUT ROWID;
CREATE INDEX suspect_other ON suspect (other);
