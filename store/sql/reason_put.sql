INSERT INTO reason (verb, config, at, lead, handoff, capture, delivery, by_touch, body)
SELECT $2, $3, $4, g.lead, g.handoff, g.capture, g.delivery, g.by_touch, g.body
FROM {rows $1: lead uuid, handoff uuid, capture uuid, delivery uuid, by_touch bool, body doc} g
