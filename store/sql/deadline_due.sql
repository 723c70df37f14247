SELECT d.key, d.at, d.kind, d.step, d.lead, d.handoff FROM deadline d
WHERE d.at <= $1
ORDER BY d.at, d.key
LIMIT $2
{postgres: FOR UPDATE SKIP LOCKED}
