-- All that was counted of the visitors whose visit is over, and whether they are somebody of the pool.
SELECT v.source, v.kind, v.value, v.event, v.count, v.first, v.last, v.since, v.over,
    EXISTS (SELECT 1 FROM identifier i WHERE i.value = v.value AND i.kind = v.kind)
FROM (
    SELECT DISTINCT d.source, d.kind, d.value FROM (
        SELECT o.source, o.kind, o.value FROM visit o
        WHERE o.over <= $1 AND NOT EXISTS (
            SELECT 1 FROM visit x
            WHERE x.source = o.source AND x.kind = o.kind AND x.value = o.value AND x.over > $1
        )
        ORDER BY o.over LIMIT $2
    ) d
) w
JOIN visit v ON v.source = w.source AND v.kind = w.kind AND v.value = w.value
ORDER BY v.source, v.kind, v.value, v.event
{postgres: FOR UPDATE OF v}
