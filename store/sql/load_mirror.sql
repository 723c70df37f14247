-- A row comes with its owner and its account, and the account with its owner.
WITH RECURSIVE found (link, object, id) AS (
    SELECT g.link, g.object, g.id FROM {rows $1: link text, object text, id text} g
    UNION
    SELECT u.link, u.object, u.id FROM {rows $2: link text} g
    JOIN mirror u ON u.link = g.link AND u.object = 'user'
    UNION
    SELECT m.link, w.object, CASE w.object WHEN 'user' THEN m.owner ELSE m.account END
    FROM found f
    JOIN mirror m ON m.link = f.link AND m.object = f.object AND m.id = f.id
    CROSS JOIN (SELECT 'user' AS object UNION ALL SELECT 'account' AS object) w
    WHERE CASE w.object WHEN 'user' THEN m.owner ELSE m.account END IS NOT NULL
)
SELECT m.body FROM found f JOIN mirror m ON m.link = f.link AND m.object = f.object AND m.id = f.id
