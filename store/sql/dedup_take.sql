-- Returns the keys that were free: new ones, and those whose window has passed.
INSERT INTO dedup (source, key, seen, expires)
SELECT g.source, g.key, g.seen, g.expires
FROM {rows $1: source text, key stable, seen bigint, expires bigint} g
WHERE true
ON CONFLICT (source, key) DO UPDATE SET seen = excluded.seen, expires = excluded.expires
WHERE dedup.expires IS NOT NULL AND dedup.expires <= excluded.seen
RETURNING source, key
