-- One short look into the index for each lane and kind: what waits behind others or until later is never touched.
WITH picked AS (
    SELECT d.seq FROM {rows $5: op text, lane bigint} w
    {postgres: CROSS JOIN LATERAL (
        SELECT x.seq, x.due_at FROM delivery x
        WHERE x.link = $1 AND x.op = w.op AND x.lane = w.lane AND x.state = 'due' AND x.due_at <= $2 AND x.seq <= $6
        ORDER BY x.due_at, x.seq LIMIT $3 FOR UPDATE SKIP LOCKED
    ) d}
    {sqlite: CROSS JOIN delivery d WHERE d.seq IN (
        SELECT x.seq FROM delivery x
        WHERE x.link = $1 AND x.op = w.op AND x.lane = w.lane AND x.state = 'due' AND x.due_at <= $2 AND x.seq <= $6
        ORDER BY x.due_at, x.seq LIMIT $3
    )}
    {postgres: WHERE}{sqlite: AND} (CAST($7 AS TEXT) IS NULL OR EXISTS (
        SELECT 1 FROM lease l WHERE l.name = 'link/' || $1 AND l.holder = $7 AND l.until > {clock}
    ))
    ORDER BY w.lane, d.due_at, d.seq
    LIMIT $3
)
UPDATE delivery SET state = 'claimed', claimed_until = $4, attempt = attempt + 1
WHERE seq IN (SELECT p.seq FROM picked p)
RETURNING seq, id, link, stream, lane, purpose, lead, handoff, state, due_at, claimed_until, attempt, probe, created_at, standing, code, detail, body, run
