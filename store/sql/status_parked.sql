SELECT 'push', p.source, COALESCE(p.code, ''), count(*) FROM push p WHERE p.state = 'parked' GROUP BY p.source, p.code
UNION ALL
SELECT 'record', q.source, q.code, count(*) FROM quarantine q WHERE q.state = 'open' GROUP BY q.source, q.code
UNION ALL
SELECT 'capture', c.source, COALESCE(c.code, ''), count(*) FROM capture c WHERE c.state = 'parked' GROUP BY c.source, c.code
UNION ALL
SELECT 'handoff', h.link, COALESCE(h.code, ''), count(*) FROM handoff h WHERE h.open AND h.state = 'parked' GROUP BY h.link, h.code
UNION ALL
SELECT 'delivery', d.link, COALESCE(d.code, ''), count(*) FROM delivery d WHERE d.state = 'parked' GROUP BY d.link, d.code
