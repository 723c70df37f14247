-- Returns the keys that were free.
INSERT INTO event_key (late, minute, a, b, seen)
SELECT g.late, g.minute, g.a, g.b, g.seen
FROM {rows $1: late bigint, minute bigint, a bigint, b bigint, seen bigint} g
WHERE true
ON CONFLICT (late, minute, a, b) DO NOTHING
RETURNING a
