-- The people behind one number of an activity: of activity $6, who reached step $7.
WITH RECURSIVE {part above}, seen AS (
    SELECT COALESCE(a.root, t.lead) AS lead, min(t.at) AS at,
        max(CASE WHEN k.step = 1 THEN 1 ELSE 0 END) AS viewed,
        max(CASE WHEN k.step = 2 THEN 1 ELSE 0 END) AS registered,
        max(CASE WHEN k.step = 3 THEN 1 ELSE 0 END) AS attended
    FROM touch t JOIN {rows $3: kind text, step bigint} k ON k.kind = t.kind LEFT JOIN above a ON a.id = t.lead
    WHERE t.activity = $6 AND t.at >= $1 AND t.at < $2
    GROUP BY COALESCE(a.root, t.lead)
), reached AS (
    SELECT COALESCE(a.root, m.lead) AS lead, min(m.at) AS at
    FROM milestone m LEFT JOIN above a ON a.id = m.lead
    WHERE m.stage = CASE $7 WHEN 'amount' THEN 'won' ELSE $7 END
    GROUP BY COALESCE(a.root, m.lead)
)
SELECT l.body
FROM seen s JOIN lead l ON l.id = s.lead LEFT JOIN reached r ON r.lead = s.lead
WHERE l.merged_into IS NULL AND ($4 OR l.pool IN (SELECT w.name FROM {rows $5: name text} w))
    AND CASE $7
        WHEN 'people' THEN true
        WHEN 'viewed' THEN s.viewed = 1
        WHEN 'registered' THEN s.registered = 1
        WHEN 'attended' THEN s.attended = 1
        WHEN 'new' THEN l.origin_at >= s.at
        WHEN 'amount' THEN l.won_amount IS NOT NULL AND r.at >= s.at
        ELSE r.at >= s.at
    END
ORDER BY l.origin_at DESC, l.id
LIMIT $8
