INSERT INTO capture (id, push, place, source, shard, kind, happened, arrived, state, body)
SELECT g.id, g.push, g.place, g.source, g.shard, g.kind, g.happened, g.arrived, 'due', g.body
FROM {rows $1: id uuid, push uuid, place bigint, source text, shard bigint, kind text, happened bigint, arrived bigint, body doc} g
WHERE true
ON CONFLICT (id) DO NOTHING
