SELECT w.link, min(w.due_at) FROM (
    SELECT g.link, (
        SELECT min(d.due_at) FROM delivery d
        WHERE d.link = g.link AND d.op = k.op AND d.lane = k.lane AND d.state = 'due'
    ) AS due_at
    FROM {rows $1: link text} g CROSS JOIN {rows $2: op text, lane bigint} k
) w
WHERE w.due_at IS NOT NULL
GROUP BY w.link
