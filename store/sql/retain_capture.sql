DELETE FROM capture WHERE id IN (
    SELECT c.id FROM capture c WHERE c.id < $1 AND c.state = 'done' ORDER BY c.id LIMIT $2
)
