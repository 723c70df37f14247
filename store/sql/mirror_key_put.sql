INSERT INTO mirror_key (link, kind, value, object, id)
SELECT k.link, k.kind, k.value, k.object, k.id
FROM {rows $1: link text, kind text, value stable, object text, id text} k
WHERE true
ON CONFLICT (link, kind, value, object, id) DO NOTHING
