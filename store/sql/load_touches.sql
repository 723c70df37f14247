-- The latest touches of each person: those of all leads that stand for them, since merges move nothing. Of each lead
-- only the end of its timeline is looked at.
SELECT r.person, r.body FROM (
    SELECT g.person, t.body, t.at, t.id, ROW_NUMBER() OVER (
        PARTITION BY g.person ORDER BY t.at DESC, t.id DESC
    ) AS place
    FROM {rows $1: person uuid, lead uuid} g
    {postgres: CROSS JOIN LATERAL (
        SELECT x.body, x.at, x.id FROM touch x WHERE x.lead = g.lead ORDER BY x.at DESC, x.id DESC LIMIT $2
    ) t}
    {sqlite: CROSS JOIN touch t WHERE t.rowid IN (
        SELECT x.rowid FROM touch x WHERE x.lead = g.lead ORDER BY x.at DESC, x.id DESC LIMIT $2
    )}
) r WHERE r.place <= $2
ORDER BY r.at, r.id
