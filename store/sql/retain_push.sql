-- Ids carry their time, so the oldest come first without an index of their own.
DELETE FROM push WHERE id IN (
    SELECT p.id FROM push p
    WHERE p.id < $1 AND p.state <> 'parked'
        AND NOT EXISTS (SELECT 1 FROM quarantine q WHERE q.push = p.id AND q.state = 'open')
    ORDER BY p.id LIMIT $2
)
