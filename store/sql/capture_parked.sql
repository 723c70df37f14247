SELECT c.body, c.ending, c.lead, c.handoff, c.code, c.detail FROM capture c
WHERE c.state = 'parked' AND c.id > $1
ORDER BY c.id
LIMIT $2
