SELECT d.seq, d.id, d.link, d.stream, d.lane, d.purpose, d.lead, d.handoff, d.state, d.due_at, d.claimed_until, d.attempt, d.probe, d.created_at, d.standing, d.code, d.detail, d.body, d.run, d.settled_at FROM delivery d
WHERE d.id = $1
