SELECT t.body FROM touch t WHERE t.lead IN (SELECT g.id FROM {rows $1: id uuid} g)
ORDER BY t.at DESC, t.id DESC
LIMIT $2
