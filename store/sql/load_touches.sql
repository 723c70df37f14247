-- The latest touches of each person: those of all leads that stand for them, since merges move nothing.
SELECT r.person, r.body FROM (
    SELECT g.person, t.body, t.at, t.id, ROW_NUMBER() OVER (
        PARTITION BY g.person ORDER BY t.at DESC, t.id DESC
    ) AS place
    FROM {rows $1: person uuid, lead uuid} g JOIN touch t ON t.lead = g.lead
) r WHERE r.place <= $2
ORDER BY r.at, r.id
