INSERT INTO lease (name, holder, until, note)
SELECT g.name, $2, {clock} + $3, 'null' FROM {rows $1: name text} g
WHERE true
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE lease.holder = excluded.holder OR lease.until < {clock}
RETURNING name, holder, until, note
