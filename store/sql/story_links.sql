SELECT r.body FROM remote_link r WHERE r.lead IN (SELECT g.id FROM {rows $1: id uuid} g)
ORDER BY r.link, r.object, r.id
