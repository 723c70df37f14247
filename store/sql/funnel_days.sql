-- How long each step took on average, in microseconds, over people who took both steps. What a merged lead reached counts
-- for the lead it was merged into, as when it was reached first. People and what they reached are brought together by
-- grouping, not by a join: right after an import PostgreSQL knows nothing of the tables and would compare each with each.
WITH RECURSIVE {part above}, told AS (
    SELECT l.id AS lead, 1 AS is_person, {part line} AS name, l.origin_at, CAST(NULL AS TEXT) AS stage, CAST(NULL AS BIGINT) AS at
    FROM lead l
    LEFT JOIN {rows $4: name text, from_at bigint, to_at bigint} o ON l.origin_at >= o.from_at AND l.origin_at < o.to_at
    WHERE l.merged_into IS NULL AND l.origin_at >= $2 AND l.origin_at < $3
        AND ($5 OR l.pool IN (SELECT w.name FROM {rows $6: name text} w))
    UNION ALL
    SELECT COALESCE(a.root, m.lead), 0, NULL, NULL, m.stage, m.at
    FROM milestone m LEFT JOIN above a ON a.id = m.lead
), reached AS (
    SELECT max(t.name) AS name, max(t.origin_at) AS origin_at,
        min(CASE WHEN t.stage = 'marketing' THEN t.at END) AS mql,
        min(CASE WHEN t.stage = 'with_sales' THEN t.at END) AS handed_over,
        min(CASE WHEN t.stage = 'accepted' THEN t.at END) AS accepted,
        min(CASE WHEN t.stage = 'opportunity' THEN t.at END) AS opportunity,
        min(CASE WHEN t.stage = 'won' THEN t.at END) AS won
    FROM told t
    GROUP BY t.lead
    HAVING max(t.is_person) = 1 AND min(t.is_person) = 0
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
