-- What became the first unsettled of its stream is due.
UPDATE delivery SET state = 'due'
WHERE state = 'waiting' AND seq IN (
    SELECT (
        SELECT min(d.seq) FROM delivery d
        WHERE d.link = g.link AND d.stream = g.stream AND d.state <> 'settled'
    ) FROM {rows $1: link text, stream text} g
)
