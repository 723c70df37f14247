SELECT r.since, r.reached, r.version, r.turns FROM shadow_run r WHERE r.rules = $1
