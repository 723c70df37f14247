-- Deliveries that were made already claimed, where they are the first of their stream, which means: due. Said by what
-- it is not, or PostgreSQL takes the index of all that is due for the shortest way.
UPDATE delivery SET state = 'claimed', claimed_until = g.until, attempt = g.attempt
FROM {rows $1: id uuid, until bigint, attempt bigint} g
WHERE delivery.id = g.id AND delivery.state NOT IN ('waiting', 'claimed', 'settled', 'parked')
RETURNING delivery.id
