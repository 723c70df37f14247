DELETE FROM mirror_key WHERE EXISTS (
    SELECT 1 FROM {rows $1: link text, object text, id text} g
    WHERE g.link = mirror_key.link AND g.object = mirror_key.object AND g.id = mirror_key.id
)
