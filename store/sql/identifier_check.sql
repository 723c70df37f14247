SELECT i.kind, i.value, i.lead FROM {rows $1: kind text, value stable} g
JOIN identifier i ON i.value = g.value AND i.kind = g.kind
ORDER BY i.value, i.kind
{postgres: FOR UPDATE OF i}
