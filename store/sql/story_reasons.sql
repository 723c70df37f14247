SELECT r.seq, r.verb, r.config, r.at, r.lead, r.handoff, r.capture, r.delivery, r.body FROM reason r
WHERE r.seq IN (
    SELECT x.seq FROM reason x WHERE x.lead IN (SELECT g.id FROM {rows $1: id uuid} g)
    UNION
    SELECT x.seq FROM reason x WHERE x.handoff IN (SELECT g.id FROM {rows $2: id uuid} g)
)
ORDER BY r.seq DESC
LIMIT $3
