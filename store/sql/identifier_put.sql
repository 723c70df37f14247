-- Identifiers that go to another lead; their rows are locked since they were checked.
UPDATE identifier SET lead = g.lead, source = g.source, at = g.at, last_at = g.last_at
FROM {rows $1: kind text, value stable, lead uuid, source text, at bigint, last_at bigint} g
WHERE identifier.value = g.value AND identifier.kind = g.kind
