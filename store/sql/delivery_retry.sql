UPDATE delivery SET state = 'due', due_at = $8, code = NULL, detail = NULL, run = COALESCE(CAST($9 AS TEXT), run)
WHERE state = 'parked' AND seq IN (
    SELECT d.seq FROM delivery d
    WHERE d.state = 'parked' AND d.seq > $1 AND (CAST($2 AS TEXT) IS NULL OR d.link = $2) AND (CAST($3 AS TEXT) IS NULL OR d.code = $3)
    AND ($4 OR d.id IN (SELECT g.id FROM {rows $5: id uuid} g))
    AND d.due_at >= $7
    ORDER BY d.seq LIMIT $6
)
RETURNING seq, id, link, stream, attempt
