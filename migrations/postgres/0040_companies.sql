-- Pairs of company names that may be one company, and what somebody said of them. The keys tell companies apart and
-- nothing of how they are spelled; the smaller stands first. `verdict` is `same` or `apart`; none: it is open.
CREATE TABLE company_pair (
    one_key TEXT NOT NULL,
    other_key TEXT NOT NULL,
    one TEXT NOT NULL,
    other TEXT NOT NULL,
    reason TEXT NOT NULL,
    lead UUID,
    link TEXT,
    object TEXT,
    remote TEXT,
    at BIGINT NOT NULL,
    verdict TEXT,
    judged_by TEXT,
    judged_at BIGINT,
    PRIMARY KEY (one_key, other_key)
);
CREATE INDEX company_pair_other ON company_pair (other_key);
