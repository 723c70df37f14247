SELECT x.kind, x.name, x.link, x.writes, x.made, x.first, x.last FROM (
    SELECT 'run' AS kind, b.run AS name, b.link AS link, count(*) AS writes, CAST(sum(b.created) AS BIGINT) AS made,
        min(b.at) AS first, max(b.at) AS last
    FROM before_image b WHERE b.run IS NOT NULL AND b.at >= $1 GROUP BY b.run, b.link
    UNION ALL
    SELECT 'config' AS kind, b.config AS name, b.link AS link, count(*) AS writes, CAST(sum(b.created) AS BIGINT) AS made,
        min(b.at) AS first, max(b.at) AS last
    FROM before_image b WHERE b.at >= $1 GROUP BY b.config, b.link
) x
ORDER BY x.last DESC, x.kind, x.name, x.link
LIMIT $2
