SELECT d.seq, d.id, d.link, d.stream, d.lane, d.purpose, d.lead, d.handoff, d.state, d.due_at, d.claimed_until, d.attempt, d.probe, d.created_at, d.standing, d.code, d.detail, d.body, d.run, d.settled_at FROM delivery d
WHERE d.run = $7 AND d.seq > $1 AND (CAST($2 AS TEXT) IS NULL OR d.link = $2) AND (CAST($3 AS TEXT) IS NULL OR d.code = $3)
    AND ($4 OR d.id IN (SELECT g.id FROM {rows $5: id uuid} g))
    AND d.due_at >= $8
ORDER BY d.seq
LIMIT $6
