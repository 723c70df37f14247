UPDATE delivery SET state = 'due', code = NULL, detail = NULL, due_at = $3
WHERE state = 'parked' AND code = $2 AND link IN (SELECT g.link FROM {rows $1: link text} g)
