UPDATE touch SET body = g.body
FROM {rows $1: id uuid, body doc} g
WHERE touch.id = g.id
