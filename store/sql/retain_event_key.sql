DELETE FROM event_key WHERE (minute, digest) IN (
    SELECT k.minute, k.digest FROM event_key k WHERE k.minute >= 0 AND k.minute < $1 ORDER BY k.minute LIMIT $2
)
