INSERT INTO touch (id, lead, capture, at, kind, source, channel, body)
SELECT g.id, g.lead, g.capture, g.at, g.kind, g.source, g.channel, g.body
FROM {rows $1: id uuid, lead uuid, capture uuid, at bigint, kind text, source text, channel text, body doc} g
WHERE true
ON CONFLICT (id) DO NOTHING
