DELETE FROM quarantine WHERE (push, place) IN (
    SELECT q.push, q.place FROM quarantine q WHERE q.push < $1 AND q.state = 'resolved'
    ORDER BY q.push, q.place LIMIT $2
)
