DELETE FROM event_key WHERE (late, minute, a, b) IN (
    SELECT k.late, k.minute, k.a, k.b FROM event_key k WHERE k.late = 1 AND k.seen < $1 ORDER BY k.seen LIMIT $2
)
