UPDATE quarantine SET state = 'resolved'
FROM {rows $1: push uuid, place bigint} g
WHERE quarantine.push = g.push AND quarantine.place = g.place
