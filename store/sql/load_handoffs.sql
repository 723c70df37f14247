-- Those named; of leads the open ones and the last closed one; of companies the open ones.
SELECT h.body FROM handoff h WHERE h.id IN (
    SELECT g.id FROM {rows $1: id uuid} g
    UNION
    SELECT o.id FROM {rows $2: id uuid} g JOIN handoff o ON o.lead = g.id WHERE o.open
    UNION
    SELECT (
        SELECT c.id FROM handoff c WHERE c.lead = g.id AND NOT c.open
        ORDER BY c.state_since DESC, c.id DESC LIMIT 1
    ) FROM {rows $2: id uuid} g
    UNION
    SELECT o.id FROM {rows $3: key text} g JOIN handoff o ON o.company_key = g.key WHERE o.open
)
