-- Returns the keys that were free.
INSERT INTO event_key (minute, digest, seen)
SELECT g.minute, g.digest, g.seen
FROM {rows $1: minute bigint, digest bigint, seen bigint} g
WHERE true
ON CONFLICT (minute, digest) DO NOTHING
RETURNING minute, digest
