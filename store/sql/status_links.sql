-- Standing polls are always there: they are no work that waits. That they run is seen by the age of the mirror.
SELECT d.link, CAST(sum(CASE WHEN d.state = 'due' AND d.standing IS NULL THEN 1 ELSE 0 END) AS BIGINT),
    CAST(sum(CASE WHEN d.state = 'waiting' THEN 1 ELSE 0 END) AS BIGINT),
    CAST(sum(CASE WHEN d.state = 'claimed' AND d.standing IS NULL THEN 1 ELSE 0 END) AS BIGINT),
    CAST(sum(CASE WHEN d.state = 'parked' THEN 1 ELSE 0 END) AS BIGINT),
    min(CASE WHEN d.state = 'due' AND d.standing IS NULL AND d.due_at <= $1 THEN d.due_at END)
FROM delivery d WHERE d.state <> 'settled'
GROUP BY d.link
ORDER BY d.link
