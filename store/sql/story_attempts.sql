SELECT a.delivery, a.at, a.class, a.detail, a.conversation FROM attempt a
WHERE a.delivery IN (SELECT g.id FROM {rows $1: id uuid} g)
ORDER BY a.seq
LIMIT $2
