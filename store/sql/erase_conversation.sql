-- Whoever else is in it loses it too.
DELETE FROM conversation WHERE id IN (
    SELECT a.conversation FROM attempt a WHERE a.delivery IN (
        SELECT d.id FROM delivery d WHERE d.lead IN (SELECT g.id FROM {rows $1: id uuid} g)
    )
)
