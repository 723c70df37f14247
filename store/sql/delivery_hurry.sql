-- What waits for a retry is not hurried; what is under way is told to run again at once when it is through.
UPDATE delivery
SET due_at = CASE WHEN delivery.state = 'due' AND g.due_at < delivery.due_at THEN g.due_at ELSE delivery.due_at END,
    hurry_at = CASE WHEN delivery.state = 'claimed' THEN g.due_at ELSE NULL END
FROM {rows $1: link text, object text, due_at bigint} g
WHERE delivery.standing IS NOT NULL AND delivery.link = g.link
    AND ((
        delivery.op = 'changes' AND (g.object IS NULL OR delivery.object = g.object)
        AND delivery.lane < 2 -- the daily comparison is no answer to a hint
    ) OR (delivery.op = 'describe' AND g.object = 'describe/' || delivery.object))
    AND (delivery.claimed_until IS NOT NULL OR delivery.attempt = 0)
