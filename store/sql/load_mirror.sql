SELECT m.body FROM {rows $1: link text, object text, id text} g
JOIN mirror m ON m.link = g.link AND m.object = g.object AND m.id = g.id
UNION ALL
SELECT u.body FROM {rows $2: link text} g JOIN mirror u ON u.link = g.link AND u.object = 'user'
