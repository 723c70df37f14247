INSERT INTO audit (at, who, what, lead, count, detail)
SELECT g.at, g.who, g.what, g.lead, g.count, g.detail
FROM {rows $1: at bigint, who text, what text, lead uuid, count bigint, detail secret} g
