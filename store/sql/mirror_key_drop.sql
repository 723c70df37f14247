-- Keys under which these rows no longer stand.
DELETE FROM mirror_key
WHERE (link, object, id) IN (SELECT g.link, g.object, g.id FROM {rows $1: link text, object text, id text} g)
    AND (link, kind, value, object, id) NOT IN (
        SELECT k.link, k.kind, k.value, k.object, k.id
        FROM {rows $2: link text, kind text, value stable, object text, id text} k
    )
