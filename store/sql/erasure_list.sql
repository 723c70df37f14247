SELECT e.body FROM erasure e WHERE $1 OR e.lead = $2
ORDER BY e.at DESC, e.id DESC
LIMIT $3
