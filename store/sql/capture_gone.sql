DELETE FROM capture WHERE id IN (SELECT g.id FROM {rows $1: id uuid} g)
