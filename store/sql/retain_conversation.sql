DELETE FROM conversation WHERE id IN (SELECT c.id FROM conversation c WHERE c.id < $1 ORDER BY c.id LIMIT $2)
