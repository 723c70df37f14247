SELECT d.key, d.at, d.kind, d.step, d.lead, d.handoff FROM deadline d
WHERE d.lead IN (SELECT g.id FROM {rows $1: id uuid} g)
ORDER BY d.at, d.key
LIMIT $2
