DELETE FROM erased WHERE mark IN (SELECT g.mark FROM {rows $1: mark text} g)
