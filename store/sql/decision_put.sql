INSERT INTO decision (id, handoff, lead, at, config, rule, body)
SELECT g.id, g.handoff, g.lead, g.at, g.config, g.rule, g.body
FROM {rows $1: id uuid, handoff uuid, lead uuid, at bigint, config text, rule text, body doc} g
WHERE true
ON CONFLICT (id) DO NOTHING
