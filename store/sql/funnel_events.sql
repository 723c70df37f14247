-- Activities with a touch in the span: who looked, registered, was there, and how far they came from then on.
WITH RECURSIVE {part above}, seen AS (
    SELECT COALESCE(a.root, t.lead) AS lead, t.activity, min(t.at) AS at,
        sum(CASE WHEN k.step = 1 THEN 1 ELSE 0 END) AS views,
        max(CASE WHEN k.step = 2 THEN 1 ELSE 0 END) AS registered,
        max(CASE WHEN k.step = 3 THEN 1 ELSE 0 END) AS attended
    FROM touch t JOIN {rows $3: kind text, step bigint} k ON k.kind = t.kind LEFT JOIN above a ON a.id = t.lead
    WHERE t.activity IS NOT NULL AND t.at >= $1 AND t.at < $2
    GROUP BY COALESCE(a.root, t.lead), t.activity
), reached AS (
    SELECT COALESCE(a.root, m.lead) AS lead,
        min(CASE WHEN m.stage = 'marketing' THEN m.at END) AS mql,
        min(CASE WHEN m.stage = 'with_sales' THEN m.at END) AS handed_over,
        min(CASE WHEN m.stage = 'won' THEN m.at END) AS won
    FROM milestone m LEFT JOIN above a ON a.id = m.lead
    GROUP BY COALESCE(a.root, m.lead)
), person AS (
    SELECT s.activity, s.at, s.views, s.registered, s.attended,
        CASE WHEN l.origin_at >= s.at THEN 1 ELSE 0 END AS fresh,
        CASE WHEN r.mql >= s.at THEN 1 ELSE 0 END AS mql,
        CASE WHEN r.handed_over >= s.at THEN 1 ELSE 0 END AS handed_over,
        CASE WHEN r.won >= s.at THEN 1 ELSE 0 END AS won,
        CASE WHEN r.won >= s.at THEN CASE WHEN abs(l.won_amount) < 9e15 THEN CAST({postgres: trunc}(
            l.won_amount * 100 + CASE WHEN l.won_amount < 0 THEN -0.5 ELSE 0.5 END) AS BIGINT) ELSE 0 END END AS cents
    FROM seen s JOIN lead l ON l.id = s.lead LEFT JOIN reached r ON r.lead = s.lead
    WHERE l.merged_into IS NULL AND ($4 OR l.pool IN (SELECT w.name FROM {rows $5: name text} w))
)
SELECT p.activity, min(p.at), CAST(sum(p.views) AS BIGINT), CAST(sum(p.registered) AS BIGINT),
    CAST(sum(p.attended) AS BIGINT),
    CAST(sum(CASE WHEN p.registered = 1 AND p.attended = 1 THEN 1 ELSE 0 END) AS BIGINT), count(*),
    CAST(sum(p.fresh) AS BIGINT), CAST(sum(p.mql) AS BIGINT), CAST(sum(p.handed_over) AS BIGINT),
    CAST(sum(p.won) AS BIGINT), CAST(COALESCE(sum(p.cents), 0) AS BIGINT)
FROM person p
GROUP BY p.activity
ORDER BY 2 DESC, 1
