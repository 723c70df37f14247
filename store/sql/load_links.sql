SELECT r.body FROM {rows $1: link text, object text, id text} g
JOIN remote_link r ON r.link = g.link AND r.object = g.object AND r.id = g.id
