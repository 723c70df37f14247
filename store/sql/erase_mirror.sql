DELETE FROM mirror WHERE EXISTS (
    SELECT 1 FROM {rows $1: link text, object text, id text} g
    WHERE g.link = mirror.link AND g.object = mirror.object AND g.id = mirror.id
)
