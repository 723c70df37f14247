SELECT d.id, d.attempt, d.state, d.link, d.stream, d.standing FROM delivery d
WHERE d.id IN (SELECT g.id FROM {rows $1: id uuid} g)
ORDER BY d.id
{postgres: FOR UPDATE}
