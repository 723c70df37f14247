-- The leads that a batch is about, with all they were merged with (as `load_leads` finds them): until the batch ends
-- nobody else changes them.
SELECT l.id FROM lead l WHERE l.id IN (
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
    SELECT f.id FROM found f
)
ORDER BY l.id
{postgres: FOR UPDATE}
