-- Records of other systems: which are ours, and our copy of what a CRM holds.

CREATE TABLE remote_link (
    link TEXT NOT NULL,
    object TEXT NOT NULL,
    id TEXT NOT NULL,
    lead TEXT NOT NULL,
    handoff TEXT,
    at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (link, object, id)
);
CREATE INDEX remote_link_lead ON remote_link (lead);
CREATE INDEX remote_link_id ON remote_link (id);

CREATE TABLE mirror (
    link TEXT NOT NULL,
    object TEXT NOT NULL,
    id TEXT NOT NULL,
    owner TEXT,
    account TEXT,
    open INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    modified_at INTEGER,
    seen_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (link, object, id)
);

CREATE TABLE mirror_key (
    link TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    object TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (link, kind, value, object, id)
) WITHOUT ROWID;
CREATE INDEX mirror_key_row ON mirror_key (link, object, id);

CREATE TABLE mirror_seen (
    link TEXT NOT NULL,
    object TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (link, object)
) WITHOUT ROWID;
