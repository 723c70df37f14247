INSERT INTO attempt (delivery, number, at, class, detail)
SELECT g.delivery, g.number, g.at, g.class, g.detail
FROM {rows $1: delivery uuid, number bigint, at bigint, class text, detail secret} g
