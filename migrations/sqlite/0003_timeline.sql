-- What happened to a lead. A touch keeps the lead it was born to: merges move nothing.

CREATE TABLE touch (
    id TEXT PRIMARY KEY NOT NULL,
    lead TEXT NOT NULL,
    capture TEXT NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    channel TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX touch_lead ON touch (lead, at, id);
