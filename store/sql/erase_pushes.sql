-- Raw pushes that these leads came in, and how many of their captures are of others.
SELECT c.push, CAST(sum(CASE WHEN c.lead IN (SELECT w.id FROM {rows $1: id uuid} w) THEN 0 ELSE 1 END) AS BIGINT)
FROM capture c
WHERE c.push IN (SELECT o.push FROM capture o WHERE o.seq IN ({part captures_of}))
GROUP BY c.push
ORDER BY c.push
