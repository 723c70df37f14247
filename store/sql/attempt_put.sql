INSERT INTO attempt (delivery, number, at, class, detail, conversation)
SELECT g.delivery, g.number, g.at, g.class, g.detail, g.conversation
FROM {rows $1: delivery uuid, number bigint, at bigint, class text, detail secret, conversation uuid} g
