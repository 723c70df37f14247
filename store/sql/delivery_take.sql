-- Deliveries that were made already claimed, where they are the first of their stream.
UPDATE delivery SET state = 'claimed', claimed_until = g.until, attempt = g.attempt
FROM {rows $1: id uuid, until bigint, attempt bigint} g
WHERE delivery.id = g.id AND delivery.state = 'due'
RETURNING delivery.id
