-- A lead comes with all it was merged with: up to the survivor and down to the members.
WITH RECURSIVE found (id) AS (
    SELECT g.id FROM {rows $1: id uuid} g
    UNION
    SELECT i.lead FROM {rows $2: kind text, value stable} g
    JOIN identifier i ON i.value = g.value AND i.kind = g.kind
    UNION
    SELECT h.lead FROM {rows $3: id uuid} g JOIN handoff h ON h.id = g.id
    UNION
    SELECT r.lead FROM {rows $4: link text, object text, id text} g
    JOIN remote_link r ON r.link = g.link AND r.object = g.object AND r.id = g.id
    UNION
    SELECT m.id FROM found f
    JOIN lead l ON l.id = f.id
    JOIN lead m ON m.merged_into = l.id OR m.id = l.merged_into
)
SELECT l.body FROM found f JOIN lead l ON l.id = f.id
