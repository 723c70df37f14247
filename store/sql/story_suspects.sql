SELECT s.lead, s.other, s.kind, s.value, s.reason, s.at FROM suspect s
WHERE s.lead IN (SELECT g.id FROM {rows $1: id uuid} g)
UNION
SELECT s.lead, s.other, s.kind, s.value, s.reason, s.at FROM suspect s
WHERE s.other IN (SELECT g.id FROM {rows $1: id uuid} g)
ORDER BY 6, 1, 2
LIMIT $2
