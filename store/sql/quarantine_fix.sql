UPDATE quarantine SET body = {doc $3}, fixed = true WHERE push = $1 AND place = $2 AND state = 'open'
