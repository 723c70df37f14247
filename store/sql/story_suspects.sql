SELECT s.lead, s.other, s.kind, s.value, s.reason, s.at FROM suspect s
WHERE s.lead IN (SELECT g.id FROM {rows $1: id uuid} g) OR s.other IN (SELECT g.id FROM {rows $1: id uuid} g)
ORDER BY s.at, s.lead, s.other
LIMIT $2
