-- What somebody said about a pair stands, whether or not it was suspected before.
INSERT INTO suspect (lead, other, kind, value, reason, at, verdict, judged_by, judged_at)
SELECT g.lead, g.other, '', '', 'by_hand', g.at, g.verdict, g.who, g.at
FROM {rows $1: lead uuid, other uuid, verdict text, who text, at bigint} g
WHERE true
ON CONFLICT (lead, other) DO UPDATE
SET verdict = excluded.verdict, judged_by = excluded.judged_by, judged_at = excluded.judged_at
