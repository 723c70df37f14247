-- What stands in a stream before something that goes sooner goes as soon: nobody live waits behind a backfill of their own.
-- Said by what it is not, so that both engines go by the index of streams.
UPDATE delivery SET lane = g.lane
FROM {rows $1: link text, stream text, lane bigint} g
WHERE delivery.link = g.link AND delivery.stream = g.stream AND delivery.state <> 'settled'
    AND delivery.state NOT IN ('claimed', 'parked') AND delivery.lane > g.lane
