-- The clock was set back: what waits for a retry, for the next poll, or was made at a time that has not come yet keeps its
-- distance to now. What was put to an hour of the day and not tried yet stays there.
UPDATE delivery SET due_at = delivery.due_at - $2
FROM {rows $1: link text} g
WHERE delivery.link = g.link AND delivery.state <> 'settled' AND delivery.state NOT IN ('claimed', 'parked')
    AND delivery.due_at > $3
    AND (delivery.standing IS NOT NULL OR delivery.attempt > 0 OR delivery.created_at > $3)
