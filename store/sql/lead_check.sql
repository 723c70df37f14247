SELECT l.id, l.version FROM lead l WHERE l.id IN (SELECT g.id FROM {rows $1: id uuid} g)
ORDER BY l.id
{postgres: FOR UPDATE}
