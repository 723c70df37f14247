INSERT INTO touch (id, lead, capture, at, kind, source, channel, campaign, activity, body)
SELECT g.id, g.lead, g.capture, g.at, g.kind, g.source, g.channel, g.campaign, g.activity, g.body
FROM {rows $1: id uuid, lead uuid, capture uuid, at bigint, kind text, source text, channel text, campaign text, activity text, body doc} g
WHERE true
ON CONFLICT (id) DO NOTHING
