SELECT p.id, p.source, p.arrived, p.method, p.path, p.headers, p.body, p.config, p.state, p.code, p.detail
FROM push p WHERE p.id = $1
