INSERT INTO delivery (id, link, stream, lane, purpose, op, object, lead, handoff, state, due_at, attempt, probe,
    created_at, standing, code, detail, body)
SELECT g.id, g.link, g.stream, g.lane, g.purpose, g.op, g.object, g.lead, g.handoff, g.state, g.due_at, g.attempt, g.probe,
    g.created_at, g.standing, g.code, g.detail, g.body
FROM {rows $1: id uuid, link text, stream text, lane bigint, purpose text, op text, object text, lead uuid, handoff uuid, state text, due_at bigint, attempt bigint, probe bigint, created_at bigint, standing text, code text, detail text, body doc} g
WHERE true
ON CONFLICT DO NOTHING
