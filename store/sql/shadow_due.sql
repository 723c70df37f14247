SELECT d.body FROM decision d
WHERE d.at >= $2 AND NOT EXISTS (SELECT 1 FROM shadow s WHERE s.rules = $1 AND s.decision = d.id)
ORDER BY d.at, d.id
LIMIT $3
