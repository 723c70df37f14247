UPDATE capture SET state = 'due', ending = NULL, code = NULL, detail = NULL
WHERE state = 'parked' AND id IN (
    SELECT c.id FROM capture c
    WHERE c.state = 'parked' AND ($2 OR c.id IN (SELECT g.id FROM {rows $1: id uuid} g))
    ORDER BY c.id LIMIT $3
)
