INSERT INTO mirror_seen (link, object, at)
SELECT g.link, g.object, g.at FROM {rows $1: link text, object text, at bigint} g
WHERE true
ON CONFLICT (link, object) DO UPDATE SET at = excluded.at
