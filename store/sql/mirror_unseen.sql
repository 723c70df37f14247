-- Rows that a whole reading of an object did not bring.
SELECT m.body FROM {rows $1: link text, object text, before bigint} g
JOIN mirror m ON m.link = g.link AND m.object = g.object
WHERE NOT m.deleted AND m.seen_at < g.before
ORDER BY m.link, m.object, m.id
LIMIT $2
