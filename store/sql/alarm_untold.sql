SELECT a.key, a.code, a.detail, a.raised, a.since FROM alarm a
WHERE (a.raised AND (a.told IS NULL OR a.told <> a.since)) OR (NOT a.raised AND a.told IS NOT NULL)
ORDER BY a.since, a.key
LIMIT $1
