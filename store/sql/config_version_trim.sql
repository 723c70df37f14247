DELETE FROM config_version WHERE hash NOT IN (
    SELECT v.hash FROM config_version v ORDER BY v.last_at DESC, v.hash LIMIT $1
)
