UPDATE shadow_run SET reached = $3, version = version + 1, turns = $4 WHERE rules = $1 AND version = $2
