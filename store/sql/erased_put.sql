INSERT INTO erased (mark, key, kind, erasure, at, refused)
SELECT g.mark, '1', g.kind, g.erasure, g.at, 0
FROM {rows $1: mark text, kind text, erasure uuid, at bigint} g
WHERE true
ON CONFLICT (mark) DO NOTHING
