INSERT INTO milestone (lead, stage, at)
SELECT g.lead, g.stage, g.at FROM {rows $1: lead uuid, stage text, at bigint} g
WHERE true
ON CONFLICT (lead, stage) DO UPDATE SET at = excluded.at WHERE excluded.at < milestone.at
