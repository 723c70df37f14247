-- Of each key the rows that changed last, so that a key shared by thousands stays cheap.
{sqlite: SELECT r.link, r.kind, r.value, r.object, r.id FROM (
    SELECT k.link, k.kind, k.value, k.object, k.id, ROW_NUMBER() OVER (
        PARTITION BY k.link, k.kind, k.value
        ORDER BY m.modified_at DESC NULLS LAST, k.object, k.id
    ) AS place
    FROM {rows $1: link text, kind text, value stable} g
    JOIN mirror_key k ON k.link = g.link AND k.kind = g.kind AND k.value = g.value
    JOIN mirror m ON m.link = k.link AND m.object = k.object AND m.id = k.id
) r WHERE r.place <= $2}
-- Key by key: joined as a whole, a planner without statistics reads all keys of the link once for each that is wanted.
{postgres: SELECT g.link, g.kind, g.value, r.object, r.id
FROM {rows $1: link text, kind text, value stable} g
CROSS JOIN LATERAL (
    SELECT k.object, k.id FROM mirror_key k
    WHERE k.link = g.link AND k.kind = g.kind AND k.value = g.value
    ORDER BY (
        SELECT m.modified_at FROM mirror m WHERE m.link = k.link AND m.object = k.object AND m.id = k.id
    ) DESC NULLS LAST, k.object, k.id
    LIMIT $2
) r}
