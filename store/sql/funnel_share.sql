-- Opportunities that changed last in the span: what the CRMs hold as won and what was paid, of all of them and of those that
-- belong to a lead. Amounts are whole cents.
SELECT CAST(COALESCE(sum(o.won), 0) AS BIGINT), CAST(COALESCE(sum(o.cents), 0) AS BIGINT),
    CAST(COALESCE(sum(CASE WHEN o.lead IS NOT NULL THEN o.won ELSE 0 END), 0) AS BIGINT),
    CAST(COALESCE(sum(CASE WHEN o.lead IS NOT NULL THEN o.cents ELSE 0 END), 0) AS BIGINT),
    CAST(COALESCE(sum(o.received), 0) AS BIGINT),
    CAST(COALESCE(sum(CASE WHEN o.lead IS NOT NULL THEN o.received ELSE 0 END), 0) AS BIGINT)
FROM (
    SELECT k.lead, CASE WHEN m.won THEN 1 ELSE 0 END AS won,
        CASE WHEN m.won AND abs(m.amount) < 9e15 THEN CAST({postgres: trunc}(
            m.amount * 100 + CASE WHEN m.amount < 0 THEN -0.5 ELSE 0.5 END) AS BIGINT) ELSE 0 END AS cents,
        CASE WHEN abs(m.received) < 9e15 THEN CAST({postgres: trunc}(
            m.received * 100 + CASE WHEN m.received < 0 THEN -0.5 ELSE 0.5 END) AS BIGINT) ELSE 0 END AS received
    FROM mirror m
    LEFT JOIN remote_link k ON k.link = m.link AND k.object = m.object AND k.id = m.id
    WHERE m.object = 'opportunity' AND (m.won OR m.received IS NOT NULL) AND NOT m.deleted
        AND m.modified_at >= $1 AND m.modified_at < $2
) o
