UPDATE lease SET note = g.note, until = CASE WHEN $3 THEN 0 ELSE lease.until END
FROM {rows $1: name text, note text} g
WHERE lease.name = g.name AND lease.holder = $2
