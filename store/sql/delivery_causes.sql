-- What needs a person, by what is wrong: the system's words are part of the cause, for they name the field.
SELECT d.link, d.op, coalesce(d.object, ''), coalesce(d.code, ''), coalesce(d.detail, ''), count(*), min(d.due_at), max(d.due_at), min(d.seq)
FROM delivery d
WHERE d.state = 'parked' AND d.seq > 0 AND (CAST($1 AS TEXT) IS NULL OR d.link = $1) AND (CAST($2 AS TEXT) IS NULL OR d.code = $2) AND d.due_at >= $3
GROUP BY d.link, d.op, coalesce(d.object, ''), coalesce(d.code, ''), coalesce(d.detail, '')
ORDER BY count(*) DESC, min(d.seq)
LIMIT $4
