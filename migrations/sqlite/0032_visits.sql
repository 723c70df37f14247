-- Events that are counted and not kept one by one, by visitor; told as one touch when the visit is over.

CREATE TABLE visit (
    source TEXT NOT NULL,
    kind TEXT NOT NULL, -- of the visitor's identifier
    value TEXT NOT NULL,
    event TEXT NOT NULL,
    count INTEGER NOT NULL,
    first INTEGER NOT NULL, -- when it happened
    last INTEGER NOT NULL,
    since INTEGER NOT NULL, -- when the first of it reached us
    over INTEGER NOT NULL, -- when the visit is looked at
    PRIMARY KEY (source, kind, value, event)
) WITHOUT ROWID;
CREATE INDEX visit_over ON visit (over);
