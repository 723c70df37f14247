SELECT t.bucket FROM turn t
WHERE t.bucket IN (SELECT g.bucket FROM {rows $1: bucket bigint} g)
ORDER BY t.bucket
{postgres: FOR UPDATE}
