SELECT s.link, s.object, s.at, (SELECT count(*) FROM mirror m WHERE m.link = s.link AND m.object = s.object)
FROM mirror_seen s
ORDER BY s.link, s.object
