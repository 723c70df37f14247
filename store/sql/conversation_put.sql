INSERT INTO conversation (id, link, loose, body)
SELECT g.id, g.link, g.loose, g.body FROM {rows $1: id uuid, link text, loose bigint, body doc} g
WHERE true
ON CONFLICT DO NOTHING
