-- What happened in a span: who came, who reached which step for the first time, who became an MQL again, what was won.
WITH RECURSIVE {part above}, reached AS (
    SELECT COALESCE(a.root, m.lead) AS lead,
        min(CASE WHEN m.stage = 'marketing' THEN m.at END) AS mql,
        min(CASE WHEN m.stage = 'with_sales' THEN m.at END) AS handed_over,
        min(CASE WHEN m.stage = 'accepted' THEN m.at END) AS accepted,
        min(CASE WHEN m.stage = 'opportunity' THEN m.at END) AS opportunity,
        min(CASE WHEN m.stage = 'won' THEN m.at END) AS won,
        min(CASE WHEN m.stage = 'lost' THEN m.at END) AS lost
    FROM milestone m LEFT JOIN above a ON a.id = m.lead
    GROUP BY COALESCE(a.root, m.lead)
)
SELECT
    CAST(COALESCE(sum(CASE WHEN l.origin_at >= $1 AND l.origin_at < $2 THEN 1 ELSE 0 END), 0) AS BIGINT),
    CAST(COALESCE(sum(CASE WHEN r.mql >= $1 AND r.mql < $2 THEN 1 ELSE 0 END), 0) AS BIGINT),
    CAST(COALESCE(sum(CASE WHEN r.mql < $1 AND l.mql_at >= $1 AND l.mql_at < $2 THEN 1 ELSE 0 END), 0) AS BIGINT),
    CAST(COALESCE(sum(CASE WHEN r.handed_over >= $1 AND r.handed_over < $2 THEN 1 ELSE 0 END), 0) AS BIGINT),
    CAST(COALESCE(sum(CASE WHEN r.accepted >= $1 AND r.accepted < $2 THEN 1 ELSE 0 END), 0) AS BIGINT),
    CAST(COALESCE(sum(CASE WHEN r.opportunity >= $1 AND r.opportunity < $2 THEN 1 ELSE 0 END), 0) AS BIGINT),
    CAST(COALESCE(sum(CASE WHEN r.won >= $1 AND r.won < $2 THEN 1 ELSE 0 END), 0) AS BIGINT),
    CAST(COALESCE(sum(CASE WHEN r.lost >= $1 AND r.lost < $2 THEN 1 ELSE 0 END), 0) AS BIGINT),
    CAST(COALESCE(sum(CASE WHEN r.won >= $1 AND r.won < $2 AND abs(l.won_amount) < 9e15 THEN CAST({postgres: trunc}(
        l.won_amount * 100 + CASE WHEN l.won_amount < 0 THEN -0.5 ELSE 0.5 END) AS BIGINT) ELSE 0 END), 0) AS BIGINT)
FROM lead l LEFT JOIN reached r ON r.lead = l.id
WHERE l.merged_into IS NULL
