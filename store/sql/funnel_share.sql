-- Opportunities that the CRMs hold as won and changed last in the span: all of them, and those that belong to a lead.
SELECT count(*), CAST(COALESCE(sum(o.cents), 0) AS BIGINT),
    CAST(COALESCE(sum(CASE WHEN o.lead IS NOT NULL THEN 1 ELSE 0 END), 0) AS BIGINT),
    CAST(COALESCE(sum(CASE WHEN o.lead IS NOT NULL THEN o.cents ELSE 0 END), 0) AS BIGINT)
FROM (
    SELECT k.lead, CASE WHEN abs(m.amount) < 9e15 THEN CAST({postgres: trunc}(
        m.amount * 100 + CASE WHEN m.amount < 0 THEN -0.5 ELSE 0.5 END) AS BIGINT) ELSE 0 END AS cents
    FROM mirror m
    LEFT JOIN remote_link k ON k.link = m.link AND k.object = m.object AND k.id = m.id
    WHERE m.object = 'opportunity' AND m.won AND NOT m.deleted AND m.modified_at >= $1 AND m.modified_at < $2
) o
