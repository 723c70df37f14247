SELECT h.link, h.owner_user, count(*) FROM {rows $1: link text} g JOIN handoff h ON h.link = g.link
WHERE h.open AND h.owner_user IS NOT NULL
GROUP BY h.link, h.owner_user
