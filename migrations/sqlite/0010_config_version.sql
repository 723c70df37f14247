-- What each config said that was ever active, as data without secrets: what a new one is compared with, and what a
-- decision's config was.
CREATE TABLE config_version (
    hash TEXT PRIMARY KEY NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL, -- made active last
    outline TEXT NOT NULL
);
CREATE INDEX config_version_last ON config_version (last_at);
