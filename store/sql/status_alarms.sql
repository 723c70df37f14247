SELECT a.key, a.code, a.detail, a.raised, a.at, a.since, a.count FROM alarm a WHERE a.raised
ORDER BY a.since, a.key
