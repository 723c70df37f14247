SELECT h.body, l.body FROM handoff h JOIN lead l ON l.id = h.lead
WHERE (h.open OR CAST($2 AS TEXT) IS NOT NULL)
    AND (CAST($1 AS BIGINT) IS NULL OR h.due_at < $1)
    AND (CAST($2 AS TEXT) IS NULL OR h.state = $2)
    AND (CAST($3 AS TEXT) IS NULL OR h.owner_person = $3 OR h.owner_user = $3)
ORDER BY h.due_at IS NULL, h.due_at, h.opened_at, h.id
LIMIT $4
