INSERT INTO deadline (key, at, kind, step, lead, handoff)
SELECT g.key, g.at, g.kind, g.step, g.lead, g.handoff
FROM {rows $1: key text, at bigint, kind text, step bigint, lead uuid, handoff uuid} g
WHERE true
ON CONFLICT (key) DO UPDATE
SET at = excluded.at, kind = excluded.kind, step = excluded.step, lead = excluded.lead, handoff = excluded.handoff
