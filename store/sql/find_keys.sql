-- Ids by range (the start of an id), the rest exactly.
SELECT w.lead, min(w.rank) FROM (
    SELECT l.id AS lead, 0 AS rank FROM lead l WHERE l.id >= $1 AND l.id <= $2
    UNION ALL
    SELECT h.lead, 1 FROM handoff h WHERE h.id >= $1 AND h.id <= $2
    UNION ALL
    SELECT i.lead, 2 FROM {rows $3: kind text, value text} g JOIN identifier i ON i.value = g.value AND i.kind = g.kind
    UNION ALL
    SELECT i.lead, 2 FROM {rows $4: value text} g JOIN identifier i ON i.value = g.value
    UNION ALL
    SELECT r.lead, 3 FROM {rows $4: value text} g JOIN remote_link r ON r.id = g.value
) w
GROUP BY w.lead
ORDER BY 2, 1
LIMIT $5
