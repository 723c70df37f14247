-- When a visit is looked at does not move with its events: that would write its index anew for each.
INSERT INTO visit (source, kind, value, event, count, first, last, since, newest, over)
SELECT g.source, g.kind, g.value, g.event, g.count, g.first, g.last, g.newest, g.newest, g.newest + $2
FROM {rows $1: source text, kind text, value stable, event text, count bigint, first bigint, last bigint, newest bigint} g
WHERE true
ON CONFLICT (source, kind, value, event) DO UPDATE
SET count = visit.count + excluded.count,
    first = CASE WHEN excluded.first < visit.first THEN excluded.first ELSE visit.first END,
    last = CASE WHEN excluded.last > visit.last THEN excluded.last ELSE visit.last END,
    newest = CASE WHEN excluded.newest > visit.newest THEN excluded.newest ELSE visit.newest END
