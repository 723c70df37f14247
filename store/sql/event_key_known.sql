-- Which of these keys are taken since they were told in time.
SELECT g.a FROM {rows $1: minute bigint, a bigint, b bigint} g
WHERE EXISTS (SELECT 1 FROM event_key k WHERE k.late = 0 AND k.minute = g.minute AND k.a = g.a AND k.b = g.b)
