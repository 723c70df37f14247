-- Under a version of the config stands what was made since it came into force: what was on its way then is older.
SELECT b.at, b.delivery, b.body FROM before_image b
WHERE b.at >= $1 AND b.at <= $2
    AND (CAST($3 AS TEXT) IS NULL OR b.link = $3)
    AND (CAST($4 AS TEXT) IS NULL OR b.run = $4)
    AND (CAST($5 AS TEXT) IS NULL OR (b.config = $5 AND b.made_at >= COALESCE((
        SELECT v.first_at FROM config_version v WHERE v.hash = $5
    ), 0)))
    AND ($6 OR b.delivery IN (SELECT g.id FROM {rows $7: id uuid} g))
    AND (b.at > $8 OR (b.at = $8 AND b.delivery > $9))
ORDER BY b.at, b.delivery
LIMIT $10
