-- What stands in a stream before something that goes sooner goes as soon: nobody live waits behind a backfill of their own.
UPDATE delivery SET lane = g.lane
FROM {rows $1: link text, stream text, lane bigint} g
WHERE delivery.link = g.link AND delivery.stream = g.stream AND delivery.state IN ('due', 'waiting') AND delivery.lane > g.lane
