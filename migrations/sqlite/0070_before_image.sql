-- What a write to a CRM changed, and what stood there before; and the command that a delivery belongs to.

ALTER TABLE delivery ADD COLUMN run TEXT;

CREATE TABLE before_image (
    delivery TEXT PRIMARY KEY NOT NULL,
    link TEXT NOT NULL,
    object TEXT NOT NULL,
    id TEXT NOT NULL,
    lead TEXT NOT NULL,
    run TEXT,
    config TEXT NOT NULL, -- the version in force when it was written
    at INTEGER NOT NULL,
    made_at INTEGER NOT NULL, -- when the delivery was made
    created INTEGER NOT NULL, -- 1: it made the record
    body TEXT NOT NULL
);
CREATE INDEX before_image_at ON before_image (at);
CREATE INDEX before_image_lead ON before_image (lead);
CREATE INDEX before_image_run ON before_image (run, at) WHERE run IS NOT NULL;
