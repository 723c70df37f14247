DELETE FROM identifier
WHERE (value, kind) IN (SELECT g.value, g.kind FROM {rows $1: kind text, value stable} g)
