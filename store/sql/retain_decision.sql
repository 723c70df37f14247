DELETE FROM decision WHERE id IN (
    SELECT d.id FROM decision d WHERE d.at < $1 ORDER BY d.at LIMIT $2
)
