UPDATE alarm SET raised = false, at = g.at, detail = g.detail
FROM {rows $1: key text, detail secret, at bigint} g
WHERE alarm.key = g.key AND alarm.raised
