SELECT l.body FROM lead l WHERE l.merged_into IS NULL AND l.id > $1
ORDER BY l.id
LIMIT $2
