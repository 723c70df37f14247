SELECT c.id, c.body FROM conversation c
WHERE c.id IN (SELECT g.id FROM {rows $1: id uuid} g)
ORDER BY c.id
LIMIT $2
