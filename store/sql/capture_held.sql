SELECT c.body, c.ending, c.lead, c.handoff, c.code, c.detail FROM capture c
WHERE c.id = $1 AND c.state = 'parked'
