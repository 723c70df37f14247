INSERT INTO visit (source, kind, value, event, count, first, last, since, over)
SELECT g.source, g.kind, g.value, g.event, g.count, g.first, g.last, g.since, g.over
FROM {rows $1: source text, kind text, value stable, event text, count bigint, first bigint, last bigint, since bigint, over bigint} g
WHERE true
ON CONFLICT (source, kind, value, event) DO UPDATE
SET count = visit.count + excluded.count,
    first = CASE WHEN excluded.first < visit.first THEN excluded.first ELSE visit.first END,
    last = CASE WHEN excluded.last > visit.last THEN excluded.last ELSE visit.last END,
    over = CASE WHEN excluded.over > visit.over THEN excluded.over ELSE visit.over END
