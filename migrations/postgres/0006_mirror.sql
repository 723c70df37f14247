-- Records of other systems: which are ours, and our copy of what a CRM holds.

CREATE TABLE remote_link (
    link TEXT COLLATE "C" NOT NULL,
    object TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    lead UUID NOT NULL,
    handoff UUID,
    at BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (link, object, id)
);
CREATE INDEX remote_link_lead ON remote_link (lead);
CREATE INDEX remote_link_id ON remote_link (id);

CREATE TABLE mirror (
    link TEXT COLLATE "C" NOT NULL,
    object TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    owner TEXT COLLATE "C",
    account TEXT COLLATE "C",
    open BOOLEAN NOT NULL,
    deleted BOOLEAN NOT NULL,
    modified_at BIGINT,
    seen_at BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (link, object, id)
);

CREATE TABLE mirror_key (
    link TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    object TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (link, kind, value, object, id)
);
CREATE INDEX mirror_key_row ON mirror_key (link, object, id);

CREATE TABLE mirror_seen (
    link TEXT COLLATE "C" NOT NULL,
    object TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (link, object)
);
