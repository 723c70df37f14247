-- Opportunities that changed last in the span, page by page: sealed ones are looked into by the program.
SELECT x.link, x.id, x.body, EXISTS (
    SELECT 1 FROM remote_link k WHERE k.link = x.link AND k.object = x.object AND k.id = x.id
)
FROM mirror x
WHERE x.object = 'opportunity' AND NOT x.deleted AND x.modified_at >= $1 AND x.modified_at < $2
    AND (x.link, x.id) > ($3, $4)
ORDER BY x.link, x.id
LIMIT $5
