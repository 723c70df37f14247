SELECT d.seq FROM delivery d
WHERE d.lead IN (SELECT g.id FROM {rows $1: id uuid} g) AND d.state = 'claimed'
