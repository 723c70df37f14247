SELECT g.place,
    (SELECT count(*) FROM push p WHERE p.source = g.source AND p.arrived >= g.begins AND p.arrived < g.ends),
    (SELECT count(*) FROM capture c WHERE c.source = g.source AND c.arrived >= g.begins AND c.arrived < g.ends),
    (SELECT count(*) FROM quarantine q WHERE q.source = g.source AND q.at >= g.begins AND q.at < g.ends),
    (SELECT min(p.arrived) FROM push p WHERE p.source = g.source),
    (SELECT min(c.arrived) FROM capture c WHERE c.source = g.source)
FROM {rows $1: source text, place bigint, begins bigint, ends bigint} g
ORDER BY g.place
