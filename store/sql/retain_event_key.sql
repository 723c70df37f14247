DELETE FROM event_key WHERE (late, minute, a, b) IN (
    SELECT k.late, k.minute, k.a, k.b FROM event_key k WHERE k.late = 0 AND k.minute < $1 ORDER BY k.minute LIMIT $2
)
