SELECT d.body FROM decision d WHERE d.at >= $1 AND (d.at > $1 OR d.id > $2)
ORDER BY d.at, d.id
LIMIT $3
