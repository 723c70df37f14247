-- How long each step took on average, in microseconds, over people who took both steps.
WITH person AS (
    SELECT l.id,
        CASE $1
            WHEN 'channel' THEN l.channel
            WHEN 'source' THEN l.source
            WHEN 'campaign' THEN l.campaign
            WHEN 'pool' THEN l.pool
            WHEN 'origin' THEN l.origin_kind
            WHEN 'owner' THEN COALESCE(l.owner_person, l.owner_user)
            ELSE o.name
        END AS name, l.origin_at
    FROM lead l
    LEFT JOIN {rows $4: name text, from_at bigint, to_at bigint} o ON l.origin_at >= o.from_at AND l.origin_at < o.to_at
    WHERE l.merged_into IS NULL AND l.origin_at >= $2 AND l.origin_at < $3
        AND ($5 OR l.pool IN (SELECT w.name FROM {rows $6: name text} w))
), reached AS (
    SELECT p.id, p.name, p.origin_at,
        max(CASE WHEN m.stage = 'marketing' THEN m.at END) AS mql,
        max(CASE WHEN m.stage = 'with_sales' THEN m.at END) AS handed_over,
        max(CASE WHEN m.stage = 'accepted' THEN m.at END) AS accepted,
        max(CASE WHEN m.stage = 'opportunity' THEN m.at END) AS opportunity,
        max(CASE WHEN m.stage = 'won' THEN m.at END) AS won
    FROM person p JOIN milestone m ON m.lead = p.id
    GROUP BY p.id, p.name, p.origin_at
)
SELECT COALESCE(r.name, ''),
    CAST(avg(CASE WHEN r.mql >= r.origin_at THEN r.mql - r.origin_at END) AS DOUBLE PRECISION),
    CAST(avg(CASE WHEN r.handed_over >= r.mql THEN r.handed_over - r.mql END) AS DOUBLE PRECISION),
    CAST(avg(CASE WHEN r.accepted >= r.handed_over THEN r.accepted - r.handed_over END) AS DOUBLE PRECISION),
    CAST(avg(CASE WHEN r.opportunity >= r.accepted THEN r.opportunity - r.accepted END) AS DOUBLE PRECISION),
    CAST(avg(CASE WHEN r.won >= r.opportunity THEN r.won - r.opportunity END) AS DOUBLE PRECISION)
FROM reached r
GROUP BY COALESCE(r.name, '')
ORDER BY 1
