-- Ids by range (the start of an id), the rest exactly.
SELECT w.lead, min(w.rank) FROM (
    SELECT l.id AS lead, CAST(0 AS BIGINT) AS rank FROM lead l WHERE l.id >= $1 AND l.id <= $2
    UNION ALL
    SELECT h.lead, CAST(1 AS BIGINT) FROM handoff h WHERE h.id >= $3 AND h.id <= $4
    UNION ALL
    SELECT i.lead, CAST(2 AS BIGINT) FROM {rows $5: kind text, value stable} g
    JOIN identifier i ON i.value = g.value AND i.kind = g.kind
    UNION ALL
    SELECT i.lead, CAST(2 AS BIGINT) FROM {rows $6: value stable} g JOIN identifier i ON i.value = g.value
    UNION ALL
    SELECT r.lead, CAST(3 AS BIGINT) FROM {rows $7: id text} g JOIN remote_link r ON r.id = g.id
) w
GROUP BY w.lead
ORDER BY 2, 1
LIMIT $8
