INSERT INTO remote_link (link, object, id, lead, handoff, at, waiting, withheld, body)
SELECT g.link, g.object, g.id, g.lead, g.handoff, g.at, g.waiting, g.withheld, g.body
FROM {rows $1: link text, object text, id text, lead uuid, handoff uuid, at bigint, waiting bigint, withheld bigint, body doc} g
WHERE true
ON CONFLICT (link, object, id) DO UPDATE
SET lead = excluded.lead, handoff = excluded.handoff, at = excluded.at, waiting = excluded.waiting, withheld = excluded.withheld,
    body = excluded.body
