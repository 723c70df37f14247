INSERT INTO reason (verb, config, at, lead, handoff, capture, delivery, body)
SELECT $2, $3, $4, g.lead, g.handoff, g.capture, g.delivery, g.body
FROM {rows $1: lead uuid, handoff uuid, capture uuid, delivery uuid, body doc} g
