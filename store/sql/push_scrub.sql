UPDATE push SET path = '', headers = {secret $2}, body = {sqlite: X''}{postgres: CAST('' AS BYTEA)}
WHERE id IN (SELECT g.id FROM {rows $1: id uuid} g)
