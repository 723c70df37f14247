-- What waits behind the first of its stream, in order.
SELECT d.seq, d.id, d.link, d.stream, d.lane, d.purpose, d.lead, d.handoff, d.state, d.due_at, d.claimed_until, d.attempt, d.probe, d.created_at, d.standing, d.code, d.detail, d.body, d.run
FROM {rows $1: link text, stream text, seq bigint} g
CROSS JOIN delivery d
WHERE d.link = g.link AND d.stream = g.stream AND d.state <> 'settled' AND d.seq > g.seq AND d.seq <= $2
ORDER BY d.seq
LIMIT $3
