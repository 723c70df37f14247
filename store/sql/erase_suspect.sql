WITH who AS (SELECT g.id FROM {rows $1: id uuid} g)
DELETE FROM suspect WHERE lead IN (SELECT id FROM who) OR other IN (SELECT id FROM who)
