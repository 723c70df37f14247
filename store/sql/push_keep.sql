-- Keeping a push again leaves its body and says how far reading got this time.
INSERT INTO push (id, source, arrived, method, path, headers, body, config, state, code, detail)
SELECT g.id, g.source, g.arrived, g.method, g.path, g.headers, g.body, g.config, g.state, g.code, g.detail
FROM {rows $1: id uuid, source text, arrived bigint, method text, path secret, headers secret, body bytes, config text, state text, code text, detail secret} g
WHERE true
ON CONFLICT (id) DO UPDATE
SET config = excluded.config, state = excluded.state, code = excluded.code, detail = excluded.detail
