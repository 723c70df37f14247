-- How many captures of a source had each field, by kind of touch and span of time: what is usual is known by it.

CREATE TABLE shape (
    source TEXT NOT NULL,
    touch TEXT NOT NULL,
    field TEXT NOT NULL, -- empty: all captures of that kind
    span INTEGER NOT NULL, -- when it begins
    count INTEGER NOT NULL,
    sample TEXT, -- the id of one of them
    PRIMARY KEY (source, touch, field, span)
) WITHOUT ROWID;
CREATE INDEX shape_span ON shape (span);
