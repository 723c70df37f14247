-- What was said to a system and what it answered, without secrets: once for all deliveries that went together.

CREATE TABLE conversation (
    id UUID PRIMARY KEY NOT NULL, -- begins with the time it was made at
    link TEXT COLLATE "C" NOT NULL,
    loose BIGINT NOT NULL, -- 1: about no lead that is known
    body TEXT NOT NULL
);
CREATE INDEX conversation_loose ON conversation (id) WHERE loose = 1;

ALTER TABLE attempt ADD COLUMN conversation UUID;
