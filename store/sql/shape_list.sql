SELECT touch, field, span, count, sample FROM shape WHERE source = $1 AND span >= $2 ORDER BY touch, field, span
