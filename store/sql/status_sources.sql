-- From one source to the next over the indexes, whatever stands between.
WITH RECURSIVE pushed (source) AS (
    SELECT min(p.source) FROM push p
    UNION ALL
    SELECT (SELECT min(p.source) FROM push p WHERE p.source > s.source) FROM pushed s WHERE s.source IS NOT NULL
), captured (source) AS (
    SELECT min(c.source) FROM capture c
    UNION ALL
    SELECT (SELECT min(c.source) FROM capture c WHERE c.source > s.source) FROM captured s WHERE s.source IS NOT NULL
), named (source) AS (
    SELECT source FROM pushed WHERE source IS NOT NULL UNION SELECT source FROM captured WHERE source IS NOT NULL
)
SELECT n.source,
    (SELECT max(p.arrived) FROM push p WHERE p.source = n.source),
    (SELECT max(c.arrived) FROM capture c WHERE c.source = n.source),
    (SELECT count(*) FROM capture c WHERE c.source = n.source AND c.arrived > $1),
    (SELECT count(*) FROM capture c WHERE c.source = n.source AND c.arrived > $2)
FROM named n
ORDER BY n.source
