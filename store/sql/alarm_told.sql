UPDATE alarm SET told = CASE WHEN g.raised THEN g.since END
FROM {rows $1: key text, since bigint, raised bool} g
WHERE alarm.key = g.key AND alarm.since = g.since AND alarm.raised = g.raised
