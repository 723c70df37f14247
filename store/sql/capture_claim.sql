SELECT c.body FROM capture c
WHERE c.state = 'due' AND ($2 OR c.shard IN (SELECT g.shard FROM {rows $3: shard bigint} g))
ORDER BY c.seq
LIMIT $1
{postgres: FOR UPDATE SKIP LOCKED}
