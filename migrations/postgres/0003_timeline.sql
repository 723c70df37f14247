-- What happened to a lead. A touch keeps the lead it was born to: merges move nothing.

CREATE TABLE touch (
    id UUID PRIMARY KEY NOT NULL,
    lead UUID NOT NULL,
    capture UUID NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C" NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX touch_lead ON touch (lead, at, id);
