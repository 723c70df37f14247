SELECT q.push, q.place, q.source, q.at, q.code, q.detail, q.fixed, q.body FROM quarantine q
WHERE q.state = 'open' AND q.push = $1 AND q.place = $2
