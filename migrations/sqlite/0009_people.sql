-- What people do with people: who looked at what, who was erased, which pairs somebody judged.

-- Who saw personal data or changed whose it is. Rows stay as long as the store.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY NOT NULL,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL, -- reveal, export, export_data, merge, unmerge, apart, change_phone, erase, readmit
    lead TEXT,
    count INTEGER NOT NULL, -- how many leads
    detail TEXT NOT NULL
);
CREATE INDEX audit_lead ON audit (lead, seq) WHERE lead IS NOT NULL;

-- Erasures with their receipts.
CREATE TABLE erasure (
    id TEXT PRIMARY KEY NOT NULL,
    lead TEXT NOT NULL,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX erasure_lead ON erasure (lead);

-- Keyed hashes of the identifiers of people who were erased: they are not taken in again.
CREATE TABLE erased (
    mark TEXT PRIMARY KEY NOT NULL,
    key TEXT NOT NULL, -- which key made it
    kind TEXT NOT NULL,
    erasure TEXT NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX erased_erasure ON erased (erasure);

-- What somebody decided about a pair: `apart`. None: it is open.
ALTER TABLE suspect ADD COLUMN verdict TEXT;
