-- What each config said that was ever active, as data without secrets: what a new one is compared with, and what a
-- decision's config was.
CREATE TABLE config_version (
    hash TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL, -- made active last
    outline TEXT NOT NULL
);
CREATE INDEX config_version_last ON config_version (last_at);
