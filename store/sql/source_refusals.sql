SELECT 'record', q.code, count(*), max(q.at) FROM quarantine q WHERE q.source = $1 AND q.at >= $2 GROUP BY q.code
UNION ALL
SELECT 'push', COALESCE(p.code, ''), count(*), max(p.arrived) FROM push p
    WHERE p.source = $1 AND p.arrived >= $2 AND p.state = 'parked' GROUP BY p.code
ORDER BY 1, 2
