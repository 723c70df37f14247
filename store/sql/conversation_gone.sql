DELETE FROM conversation WHERE id IN (SELECT g.id FROM {rows $1: id uuid} g)
