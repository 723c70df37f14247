-- Said again by a second attempt it stays as it was: what stood there before the first one.
INSERT INTO before_image (delivery, link, object, id, lead, run, config, at, made_at, created, body)
SELECT g.delivery, g.link, g.object, g.id, g.lead, g.run, $2, g.at, g.made_at, g.created, g.body
FROM {rows $1: delivery uuid, link text, object text, id text, lead uuid, run text, at bigint, made_at bigint, created bigint, body doc} g
WHERE true
ON CONFLICT DO NOTHING
