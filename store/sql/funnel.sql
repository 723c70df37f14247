-- What a merged lead reached counts for the lead it was merged into, over any number of merges. Amounts are whole cents.
WITH RECURSIVE {part above}, reached AS (
    SELECT COALESCE(a.root, m.lead) AS lead,
        max(CASE WHEN m.stage = 'marketing' THEN 1 ELSE 0 END) AS mql,
        max(CASE WHEN m.stage = 'marketing' THEN m.at END) AS mql_first,
        max(CASE WHEN m.stage = 'with_sales' THEN 1 ELSE 0 END) AS handed_over,
        max(CASE WHEN m.stage = 'accepted' THEN 1 ELSE 0 END) AS accepted,
        max(CASE WHEN m.stage = 'opportunity' THEN 1 ELSE 0 END) AS opportunity,
        max(CASE WHEN m.stage = 'won' THEN 1 ELSE 0 END) AS won,
        max(CASE WHEN m.stage = 'lost' THEN 1 ELSE 0 END) AS lost
    FROM milestone m LEFT JOIN above a ON a.id = m.lead
    GROUP BY COALESCE(a.root, m.lead)
), person AS (
    SELECT l.id, l.touches, l.stage, l.mql_at,
        CASE WHEN abs(l.won_amount) < 9e15 THEN CAST({postgres: trunc}(
            l.won_amount * 100 + CASE WHEN l.won_amount < 0 THEN -0.5 ELSE 0.5 END) AS BIGINT) ELSE 0 END AS cents,
        {part line} AS name
    FROM lead l
    LEFT JOIN {rows $4: name text, from_at bigint, to_at bigint} o ON l.origin_at >= o.from_at AND l.origin_at < o.to_at
    WHERE l.merged_into IS NULL AND l.origin_at >= $2 AND l.origin_at < $3
        AND ($5 OR l.pool IN (SELECT w.name FROM {rows $6: name text} w))
)
SELECT COALESCE(p.name, ''), CAST(sum(p.touches) AS BIGINT), count(*),
    CAST(COALESCE(sum(r.mql), 0) AS BIGINT), CAST(COALESCE(sum(r.handed_over), 0) AS BIGINT),
    CAST(COALESCE(sum(r.accepted), 0) AS BIGINT), CAST(COALESCE(sum(r.opportunity), 0) AS BIGINT),
    CAST(COALESCE(sum(r.won), 0) AS BIGINT), CAST(COALESCE(sum(r.lost), 0) AS BIGINT),
    CAST(sum(CASE WHEN p.stage = 'resting' THEN 1 ELSE 0 END) AS BIGINT),
    CAST(COALESCE(sum(p.cents), 0) AS BIGINT),
    CAST(sum(CASE WHEN r.mql = 1 AND p.mql_at > r.mql_first THEN 1 ELSE 0 END) AS BIGINT)
FROM person p LEFT JOIN reached r ON r.lead = p.id
GROUP BY COALESCE(p.name, '')
ORDER BY 3 DESC, 1
