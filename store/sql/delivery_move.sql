UPDATE delivery
SET state = CASE WHEN g.state = 'due' AND delivery.state = 'waiting' THEN 'waiting' ELSE g.state END,
    due_at = CASE WHEN g.state = 'due' AND g.reset AND delivery.hurry_at < g.due_at THEN delivery.hurry_at ELSE g.due_at END,
    hurry_at = NULL,
    claimed_until = g.claimed_until,
    attempt = CASE WHEN g.reset THEN 0 ELSE delivery.attempt END,
    probe = g.probe,
    settled_at = CASE WHEN g.state = 'settled' THEN g.at END,
    code = g.code,
    detail = g.detail,
    op = COALESCE(g.op, delivery.op),
    object = CASE WHEN g.op IS NULL THEN delivery.object ELSE g.object END,
    body = COALESCE(g.body, delivery.body)
FROM {rows $1: id uuid, fence bigint, state text, due_at bigint, reset bool, claimed_until bigint, probe bigint, at bigint, code text, detail stable, op text, object text, body doc} g
WHERE delivery.id = g.id AND delivery.attempt = g.fence
