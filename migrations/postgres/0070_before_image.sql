-- What a write to a CRM changed, and what stood there before; and the command that a delivery belongs to.

ALTER TABLE delivery ADD COLUMN run TEXT COLLATE "C";

CREATE TABLE before_image (
    delivery UUID PRIMARY KEY NOT NULL,
    link TEXT COLLATE "C" NOT NULL,
    object TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    lead UUID NOT NULL,
    run TEXT COLLATE "C",
    config TEXT COLLATE "C" NOT NULL, -- the version in force when it was written
    at BIGINT NOT NULL,
    made_at BIGINT NOT NULL, -- when the delivery was made
    created BIGINT NOT NULL, -- 1: it made the record
    body TEXT NOT NULL
);
CREATE INDEX before_image_at ON before_image (at);
CREATE INDEX before_image_lead ON before_image (lead);
CREATE INDEX before_image_run ON before_image (run, at) WHERE run IS NOT NULL;
