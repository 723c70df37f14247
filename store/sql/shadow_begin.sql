INSERT INTO shadow_run (rules, since, reached, version, turns) VALUES ($1, $2, $2, 1, $3)
ON CONFLICT (rules) DO NOTHING
