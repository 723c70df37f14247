SELECT k.seq, k.verb, k.config, k.at, k.lead, k.handoff, k.capture, k.delivery, k.body FROM reason k
WHERE k.seq IN (
    {part reasons_of}
    UNION
    SELECT h.seq FROM reason h WHERE h.handoff IN (SELECT g.id FROM {rows $2: id uuid} g)
)
ORDER BY k.seq DESC
LIMIT $3
