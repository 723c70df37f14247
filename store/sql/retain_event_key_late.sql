DELETE FROM event_key WHERE (minute, digest) IN (
    SELECT k.minute, k.digest FROM event_key k WHERE k.minute < 0 AND k.seen < $1 ORDER BY k.seen LIMIT $2
)
