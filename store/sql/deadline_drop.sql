DELETE FROM deadline WHERE key IN (SELECT g.key FROM {rows $1: key text} g)
