-- What somebody said about a pair stands, whether or not it was in doubt before.
INSERT INTO company_pair (one_key, other_key, one, other, reason, at, verdict, judged_by, judged_at)
SELECT g.one_key, g.other_key, g.one, g.other, 'by_hand', g.at, g.verdict, g.who, g.at
FROM {rows $1: one_key text, other_key text, one text, other text, verdict text, who text, at bigint} g
WHERE true
ON CONFLICT (one_key, other_key) DO UPDATE
SET one = excluded.one, other = excluded.other, verdict = excluded.verdict, judged_by = excluded.judged_by, judged_at = excluded.judged_at
