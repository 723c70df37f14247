SELECT p.id, p.source, p.arrived, p.method, p.path, p.headers, p.body, p.config, p.state, p.code, p.detail
FROM push p
WHERE p.state = 'parked' AND p.id > $1 AND (CAST($2 AS TEXT) IS NULL OR p.source = $2) AND (CAST($3 AS TEXT) IS NULL OR p.code = $3)
ORDER BY p.id
LIMIT $4
