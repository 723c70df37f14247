INSERT INTO alarm (key, code, detail, raised, since, at, count)
SELECT g.key, g.code, g.detail, true, g.since, g.at, g.count
FROM {rows $1: key text, code text, detail secret, since bigint, at bigint, count bigint} g
WHERE true
ON CONFLICT (key) DO UPDATE SET code = excluded.code, detail = excluded.detail, raised = true, at = excluded.at,
    since = CASE WHEN alarm.raised THEN alarm.since ELSE excluded.since END,
    count = CASE WHEN alarm.raised THEN alarm.count + excluded.count ELSE excluded.count END
