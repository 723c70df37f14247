INSERT INTO push (id, source, arrived, method, path, headers, body, config, state, code, detail)
SELECT g.id, g.source, g.arrived, 'FETCH', g.path, g.headers, g.body, g.config, 'read', NULL, NULL
FROM {rows $1: id uuid, source text, arrived bigint, path secret, headers secret, body bytes, config text} g
WHERE true
ON CONFLICT (id) DO NOTHING
