SELECT s.lead, s.other, s.kind, s.value, s.reason, s.at FROM suspect s
WHERE s.lead IN (SELECT g.id FROM {rows $1: id uuid} g) AND s.verdict IS NULL
UNION
SELECT s.lead, s.other, s.kind, s.value, s.reason, s.at FROM suspect s
WHERE s.other IN (SELECT g.id FROM {rows $1: id uuid} g) AND s.verdict IS NULL
ORDER BY 6, 1, 2
LIMIT $2
