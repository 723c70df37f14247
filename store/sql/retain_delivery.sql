DELETE FROM delivery WHERE id IN (
    SELECT d.id FROM delivery d WHERE d.id < $1 AND d.state = 'settled' ORDER BY d.id LIMIT $2
)
