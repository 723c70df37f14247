INSERT INTO suspect (lead, other, kind, value, reason, at)
SELECT g.lead, g.other, g.kind, g.value, g.reason, g.at
FROM {rows $1: lead uuid, other uuid, kind text, value secret, reason text, at bigint} g
WHERE true
ON CONFLICT (lead, other) DO NOTHING
