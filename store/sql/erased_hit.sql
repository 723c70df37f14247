UPDATE erased SET refused = refused + 1
WHERE mark IN (SELECT g.mark FROM {rows $1: mark text} g)
RETURNING mark
