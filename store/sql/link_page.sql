SELECT r.body FROM remote_link r
WHERE r.link = $1 AND (r.object > $2 OR (r.object = $2 AND r.id > $3))
ORDER BY r.object, r.id
LIMIT $4
