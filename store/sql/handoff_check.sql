SELECT h.id, h.version FROM handoff h WHERE h.id IN (SELECT g.id FROM {rows $1: id uuid} g)
ORDER BY h.id
{postgres: FOR UPDATE}
