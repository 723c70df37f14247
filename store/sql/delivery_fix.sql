UPDATE delivery SET body = {doc $2}, state = 'due', due_at = $3, code = NULL, detail = NULL
WHERE id = $1 AND state = 'parked'
RETURNING link, attempt
