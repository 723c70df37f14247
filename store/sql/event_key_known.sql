-- Which of these keys are taken since they were told in time.
SELECT g.minute, g.digest FROM {rows $1: minute bigint, digest bigint} g
WHERE EXISTS (SELECT 1 FROM event_key k WHERE k.minute = g.minute AND k.digest = g.digest)
