-- How many captures of a source had each field, by kind of touch and span of time: what is usual is known by it.

CREATE TABLE shape (
    source TEXT COLLATE "C" NOT NULL,
    touch TEXT COLLATE "C" NOT NULL,
    field TEXT COLLATE "C" NOT NULL, -- empty: all captures of that kind
    span BIGINT NOT NULL, -- when it begins
    count BIGINT NOT NULL,
    sample TEXT, -- the id of one of them
    PRIMARY KEY (source, touch, field, span)
);
CREATE INDEX shape_span ON shape (span);
