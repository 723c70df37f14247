-- Opportunities that the CRMs hold as won and changed last in the span: all of them, and those that belong to a lead.
SELECT count(*), CAST(COALESCE(sum(o.cents), 0) AS BIGINT),
    CAST(COALESCE(sum(CASE WHEN o.lead IS NOT NULL THEN 1 ELSE 0 END), 0) AS BIGINT),
    CAST(COALESCE(sum(CASE WHEN o.lead IS NOT NULL THEN o.cents ELSE 0 END), 0) AS BIGINT)
FROM (
    SELECT k.lead, CASE WHEN abs(m.amount) < 9e15 THEN CAST({postgres: trunc}(
        m.amount * 100 + CASE WHEN m.amount < 0 THEN -0.5 ELSE 0.5 END) AS BIGINT) ELSE 0 END AS cents
    FROM (
        SELECT x.link, x.object, x.id,
            CAST({sqlite: x.body}{postgres: CAST(x.body AS jsonb)} -> 'facts' ->> 'amount' AS DOUBLE PRECISION) AS amount
        FROM mirror x
        WHERE x.object = 'opportunity' AND NOT x.deleted AND x.modified_at >= $1 AND x.modified_at < $2
            AND {sqlite: x.body -> 'facts' ->> 'won' = 1}{postgres: CAST(x.body AS jsonb) -> 'facts' ->> 'won' = 'true'}
    ) m
    LEFT JOIN remote_link k ON k.link = m.link AND k.object = m.object AND k.id = m.id
) o
