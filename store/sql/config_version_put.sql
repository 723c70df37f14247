INSERT INTO config_version (hash, first_at, last_at, outline) VALUES ($1, $2, $2, $3)
ON CONFLICT (hash) DO UPDATE SET last_at = excluded.last_at, outline = excluded.outline
