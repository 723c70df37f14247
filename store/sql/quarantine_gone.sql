DELETE FROM quarantine WHERE (push, place) IN (SELECT g.push, g.place FROM {rows $1: push uuid, place bigint} g)
