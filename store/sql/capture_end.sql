UPDATE capture SET state = g.state, ending = g.ending, lead = g.lead, handoff = g.handoff, code = g.code, detail = g.detail, by_touch = g.by_touch
FROM {rows $1: id uuid, state text, ending text, lead uuid, handoff uuid, code text, detail secret, by_touch bool} g
WHERE capture.id = g.id
