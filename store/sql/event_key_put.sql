-- The same without saying which were free: how many is known by the rows that were changed. Digests come as one list of
-- numbers for each minute.
WITH m AS MATERIALIZED (SELECT g.minute, g.seen, g.digests FROM {rows $1: minute bigint, seen bigint, digests text} g)
INSERT INTO event_key (minute, digest, seen)
{sqlite: SELECT m.minute, d.value, m.seen FROM m, json_each(m.digests) d}
{postgres: SELECT m.minute, d.value::bigint, m.seen FROM m, jsonb_array_elements_text(m.digests::jsonb) d(value)}
WHERE true
ON CONFLICT (minute, digest) DO NOTHING
