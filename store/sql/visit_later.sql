UPDATE visit SET over = g.over
FROM {rows $1: source text, kind text, value stable, over bigint} g
WHERE visit.source = g.source AND visit.kind = g.kind AND visit.value = g.value
