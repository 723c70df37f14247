DELETE FROM before_image WHERE lead IN (SELECT g.id FROM {rows $1: id uuid} g)
