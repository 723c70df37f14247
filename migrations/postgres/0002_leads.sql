-- The pool: one row per person, and what says who they are. Columns are for finding; the body is the truth.

CREATE TABLE lead (
    id UUID PRIMARY KEY NOT NULL,
    version BIGINT NOT NULL,
    stage TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C" NOT NULL,
    campaign TEXT COLLATE "C",
    owner_user TEXT COLLATE "C",
    owner_person TEXT COLLATE "C",
    origin_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    last_touch_at BIGINT NOT NULL,
    touches BIGINT NOT NULL,
    mql_at BIGINT,
    rest_until BIGINT,
    merged_into UUID,
    name_fold TEXT COLLATE "C",
    company_fold TEXT COLLATE "C",
    won_amount DOUBLE PRECISION,
    body TEXT NOT NULL
);
-- Room on each page, so that a lead that changes stays there and its indexes are left alone.
ALTER TABLE lead SET (fillfactor = 80);
-- Columns that change with every touch carry no index: a lead is written far more often than it is listed.
CREATE INDEX lead_stage ON lead (stage) WHERE merged_into IS NULL;
CREATE INDEX lead_merged ON lead (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX lead_name ON lead (name_fold) WHERE name_fold IS NOT NULL;
CREATE INDEX lead_company ON lead (company_fold) WHERE company_fold IS NOT NULL;

CREATE TABLE identifier (
    value TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    lead UUID NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (value, kind)
);
ALTER TABLE identifier SET (fillfactor = 80);
CREATE INDEX identifier_lead ON identifier (lead);

-- When a lead reached a stage for the first time.
CREATE TABLE milestone (
    lead UUID NOT NULL,
    stage TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (lead, stage)
);

-- Pairs that may be one person. The smaller id stands first, so that a pair stands once.
CREATE TABLE suspect (
    lead UUID NOT NULL,
    other UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    value TEXT NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (lead, other)
);
CREATE INDEX suspect_other ON suspect (other);
