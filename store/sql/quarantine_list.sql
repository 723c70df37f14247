SELECT q.push, q.place, q.source, q.at, q.code, q.detail, q.fixed, q.body FROM quarantine q
WHERE q.state = 'open' AND (q.push, q.place) > ($1, $2)
    AND (CAST($3 AS TEXT) IS NULL OR q.source = $3) AND (CAST($4 AS TEXT) IS NULL OR q.code = $4)
ORDER BY q.push, q.place
LIMIT $5
