-- Events that are counted and not kept one by one, by visitor; told as one touch when the visit is over.

CREATE TABLE visit (
    source TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL, -- of the visitor's identifier
    value TEXT COLLATE "C" NOT NULL,
    event TEXT COLLATE "C" NOT NULL,
    count BIGINT NOT NULL,
    first BIGINT NOT NULL, -- when it happened
    last BIGINT NOT NULL,
    since BIGINT NOT NULL, -- when the first of it reached us
    over BIGINT NOT NULL, -- when the visit is looked at
    PRIMARY KEY (source, kind, value, event)
);
CREATE INDEX visit_over ON visit (over);
