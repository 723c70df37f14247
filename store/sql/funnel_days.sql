-- How long each step took on average, in microseconds, over people who took both steps. What a merged lead reached counts
-- for the lead it was merged into, as when it was reached first.
WITH RECURSIVE {part above}, person AS (
    SELECT l.id,
        {part line} AS name, l.origin_at
    FROM lead l
    LEFT JOIN {rows $4: name text, from_at bigint, to_at bigint} o ON l.origin_at >= o.from_at AND l.origin_at < o.to_at
    WHERE l.merged_into IS NULL AND l.origin_at >= $2 AND l.origin_at < $3
        AND ($5 OR l.pool IN (SELECT w.name FROM {rows $6: name text} w))
), reached AS (
    SELECT p.id, p.name, p.origin_at,
        min(CASE WHEN m.stage = 'marketing' THEN m.at END) AS mql,
        min(CASE WHEN m.stage = 'with_sales' THEN m.at END) AS handed_over,
        min(CASE WHEN m.stage = 'accepted' THEN m.at END) AS accepted,
        min(CASE WHEN m.stage = 'opportunity' THEN m.at END) AS opportunity,
        min(CASE WHEN m.stage = 'won' THEN m.at END) AS won
    FROM milestone m LEFT JOIN above a ON a.id = m.lead JOIN person p ON p.id = COALESCE(a.root, m.lead)
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
