SELECT h.body FROM handoff h WHERE h.lead IN (SELECT g.id FROM {rows $1: id uuid} g)
ORDER BY h.opened_at, h.id
LIMIT $2
