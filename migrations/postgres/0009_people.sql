-- What people do with people: who looked at what, who was erased, which pairs somebody judged.

-- Who saw personal data or changed whose it is. Rows stay as long as the store.
CREATE TABLE audit (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY NOT NULL,
    at BIGINT NOT NULL,
    who TEXT COLLATE "C" NOT NULL,
    what TEXT COLLATE "C" NOT NULL, -- reveal, export, export_data, merge, unmerge, apart, change_phone, erase, readmit
    lead UUID,
    count BIGINT NOT NULL, -- how many leads
    detail TEXT NOT NULL
);
CREATE INDEX audit_lead ON audit (lead, seq) WHERE lead IS NOT NULL;

-- Erasures with their receipts.
CREATE TABLE erasure (
    id UUID PRIMARY KEY NOT NULL,
    lead UUID NOT NULL,
    at BIGINT NOT NULL,
    who TEXT COLLATE "C" NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX erasure_lead ON erasure (lead);

-- Keyed hashes of the identifiers of people who were erased: they are not taken in again.
CREATE TABLE erased (
    mark TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    key TEXT COLLATE "C" NOT NULL, -- which key made it
    kind TEXT COLLATE "C" NOT NULL,
    erasure UUID NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX erased_erasure ON erased (erasure);

-- What somebody decided about a pair: `apart`. None: it is open.
ALTER TABLE suspect ADD COLUMN verdict TEXT COLLATE "C";
