SELECT f.capture, f.handoff, f.lead, f.at, f.tag, f.remark, f.said_by, f.next_action, f.next_at FROM feedback f
WHERE f.lead IN (SELECT g.id FROM {rows $1: id uuid} g)
ORDER BY f.at, f.capture
LIMIT $2
