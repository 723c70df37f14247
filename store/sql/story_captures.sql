SELECT c.body, c.ending, c.lead, c.handoff, c.code, c.detail FROM capture c
WHERE c.lead IN (SELECT g.id FROM {rows $1: id uuid} g)
ORDER BY c.seq DESC
LIMIT $2
