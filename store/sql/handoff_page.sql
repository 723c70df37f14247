SELECT h.body FROM handoff h WHERE h.link = $1 AND h.open AND h.id > $2
ORDER BY h.id
LIMIT $3
