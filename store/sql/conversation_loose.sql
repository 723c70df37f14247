SELECT c.id, c.body FROM conversation c WHERE c.loose = 1 AND c.id > $1 ORDER BY c.id LIMIT $2
