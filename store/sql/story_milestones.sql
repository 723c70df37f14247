SELECT m.stage, min(m.at) FROM milestone m WHERE m.lead IN (SELECT g.id FROM {rows $1: id uuid} g)
GROUP BY m.stage
ORDER BY 2, 1
