-- What somebody said of the companies with these keys, whichever side they stand on.
SELECT p.one_key, p.other_key, p.one, p.other, p.verdict, p.judged_by, p.judged_at
FROM {rows $1: key text} g JOIN company_pair p ON p.one_key = g.key
WHERE p.verdict IS NOT NULL
UNION
SELECT p.one_key, p.other_key, p.one, p.other, p.verdict, p.judged_by, p.judged_at
FROM {rows $1: key text} g JOIN company_pair p ON p.other_key = g.key
WHERE p.verdict IS NOT NULL
