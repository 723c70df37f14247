SELECT count(*) FROM touch t WHERE t.lead IN (SELECT g.id FROM {rows $1: id uuid} g)
