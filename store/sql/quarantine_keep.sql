INSERT INTO quarantine (push, place, source, at, code, detail, fixed, state, body)
SELECT g.push, g.place, g.source, g.at, g.code, g.detail, false, 'open', g.body
FROM {rows $1: push uuid, place bigint, source text, at bigint, code text, detail secret, body doc} g
WHERE true
ON CONFLICT (push, place) DO UPDATE
SET at = excluded.at, code = excluded.code, detail = excluded.detail, state = 'open', body = excluded.body
