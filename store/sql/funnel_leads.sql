-- The people behind one number of the funnel: of line $7, who reached step $8.
WITH RECURSIVE {part above}, reached AS (
    SELECT COALESCE(a.root, m.lead) AS lead, max(m.at) AS first_at
    FROM milestone m LEFT JOIN above a ON a.id = m.lead
    WHERE m.stage = CASE $8 WHEN 'reactivated' THEN 'marketing' ELSE $8 END
    GROUP BY COALESCE(a.root, m.lead)
)
SELECT l.body
FROM lead l
LEFT JOIN reached r ON r.lead = l.id
LEFT JOIN {rows $4: name text, from_at bigint, to_at bigint} o ON l.origin_at >= o.from_at AND l.origin_at < o.to_at
WHERE l.merged_into IS NULL AND l.origin_at >= $2 AND l.origin_at < $3
    AND ($5 OR l.pool IN (SELECT w.name FROM {rows $6: name text} w))
    AND COALESCE({part line}, '') = $7
    AND CASE $8
        WHEN 'people' THEN true
        WHEN 'resting' THEN l.stage = 'resting'
        WHEN 'amount' THEN l.won_amount IS NOT NULL
        WHEN 'reactivated' THEN l.mql_at > r.first_at
        ELSE r.lead IS NOT NULL
    END
ORDER BY l.origin_at DESC, l.id
LIMIT $9
