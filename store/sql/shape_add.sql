INSERT INTO shape (source, touch, field, span, count, sample)
SELECT g.source, g.touch, g.field, g.span, g.count, g.sample
FROM {rows $1: source text, touch text, field text, span bigint, count bigint, sample text} g
WHERE true
ON CONFLICT (source, touch, field, span) DO UPDATE
SET count = shape.count + excluded.count, sample = COALESCE(excluded.sample, shape.sample)
