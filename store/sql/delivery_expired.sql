UPDATE delivery SET claimed_until = $2
WHERE seq IN (
    SELECT x.seq FROM delivery x WHERE x.state = 'claimed' AND x.claimed_until < $1
        AND (CAST($4 AS TEXT) IS NULL OR x.link = $4)
    ORDER BY x.claimed_until LIMIT $3
    {postgres: FOR UPDATE SKIP LOCKED}
)
RETURNING seq, id, link, stream, lane, purpose, lead, handoff, state, due_at, claimed_until, attempt, probe, created_at, standing, code, detail, body, run
