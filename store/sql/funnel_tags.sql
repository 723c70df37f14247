-- What sales answered how often, by where the person came from.
SELECT COALESCE(CASE $1
        WHEN 'source' THEN l.source
        WHEN 'campaign' THEN l.campaign
        WHEN 'pool' THEN l.pool
            WHEN 'origin' THEN l.origin_kind
        WHEN 'owner' THEN COALESCE(l.owner_person, l.owner_user)
        ELSE l.channel
    END, ''), f.tag, count(*)
FROM feedback f JOIN lead l ON l.id = f.lead
WHERE l.origin_at >= $2 AND l.origin_at < $3
    AND ($4 OR l.pool IN (SELECT w.name FROM {rows $5: name text} w))
GROUP BY 1, f.tag
ORDER BY 1, 3 DESC, 2
