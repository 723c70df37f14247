DELETE FROM dedup WHERE (source, key) IN (
    SELECT d.source, d.key FROM dedup d WHERE d.expires < $1 ORDER BY d.expires LIMIT $2
)
