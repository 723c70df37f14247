UPDATE delivery SET state = 'due'
WHERE standing IS NOT NULL AND state = 'waiting' AND link IN (SELECT g.link FROM {rows $1: link text} g)
