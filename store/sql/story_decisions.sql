SELECT d.body FROM decision d WHERE d.lead IN (SELECT g.id FROM {rows $1: id uuid} g)
ORDER BY d.at, d.id
LIMIT $2
