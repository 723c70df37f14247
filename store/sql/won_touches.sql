-- Won people page by page, each with all touches of theirs and of those merged into them, oldest first.
WITH RECURSIVE {part above}, won AS (
    SELECT l.id,
        CASE WHEN abs(l.won_amount) < 9e15 THEN CAST({postgres: trunc}(
            l.won_amount * 100 + CASE WHEN l.won_amount < 0 THEN -0.5 ELSE 0.5 END) AS BIGINT) ELSE 0 END AS cents,
        COALESCE(m.at, l.last_touch_at) AS won_at,
        CASE $1 WHEN 'source' THEN l.source WHEN 'campaign' THEN COALESCE(l.campaign, '') ELSE l.channel END AS first_name, l.origin_at
    FROM lead l LEFT JOIN milestone m ON m.lead = l.id AND m.stage = 'won'
    WHERE l.merged_into IS NULL AND l.won_amount IS NOT NULL AND l.origin_at >= $2 AND l.origin_at < $3 AND l.id > $4
        AND ($6 OR l.pool IN (SELECT v.name FROM {rows $7: name text} v))
    ORDER BY l.id
    LIMIT $5
), member AS (
    SELECT w.id AS root, w.id AS lead FROM won w
    UNION ALL
    SELECT w.id, a.id FROM won w JOIN above a ON a.root = w.id
)
SELECT w.id, w.cents, w.won_at, w.first_name, w.origin_at, t.at,
    CASE $1 WHEN 'source' THEN t.source WHEN 'campaign' THEN COALESCE(t.campaign, '') ELSE t.channel END
FROM won w JOIN member g ON g.root = w.id LEFT JOIN touch t ON t.lead = g.lead
ORDER BY w.id, t.at, t.id
