-- All that was counted of the visitors whose visit may be over, and whether they are somebody of the pool.
SELECT v.source, v.kind, v.value, v.event, v.count, v.first, v.last, v.since, v.newest,
    EXISTS (SELECT 1 FROM identifier i WHERE i.value = v.value AND i.kind = v.kind)
FROM (
    SELECT DISTINCT d.source, d.kind, d.value FROM (
        SELECT o.source, o.kind, o.value FROM visit o WHERE o.over <= $1 ORDER BY o.over LIMIT $2
    ) d
) w
JOIN visit v ON v.source = w.source AND v.kind = w.kind AND v.value = w.value
ORDER BY v.source, v.kind, v.value, v.event
{postgres: FOR UPDATE OF v}
