SELECT a.seq, a.at, a.who, a.what, a.lead, a.count, a.detail FROM audit a
WHERE a.seq < $1 AND ($2 OR a.lead IN (SELECT g.id FROM {rows $3: id uuid} g))
ORDER BY a.seq DESC
LIMIT $4
