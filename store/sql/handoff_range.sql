SELECT h.body FROM handoff h WHERE h.id >= $1 AND h.id <= $2
ORDER BY h.id
LIMIT 2
