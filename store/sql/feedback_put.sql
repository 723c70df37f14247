INSERT INTO feedback (handoff, capture, lead, at, tag, remark, said_by, next_action, next_at)
SELECT g.handoff, g.capture, g.lead, g.at, g.tag, g.remark, g.said_by, g.next_action, g.next_at
FROM {rows $1: handoff uuid, capture uuid, lead uuid, at bigint, tag text, remark secret, said_by secret, next_action text, next_at bigint} g
WHERE true
ON CONFLICT (handoff, capture) DO NOTHING
