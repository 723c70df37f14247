SELECT h.id FROM handoff h WHERE h.lead IN (SELECT g.id FROM {rows $1: id uuid} g)
ORDER BY h.id
