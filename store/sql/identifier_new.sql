-- Identifiers that nobody had when they were checked. One that somebody took since is left to them: the commit is stale.
INSERT INTO identifier (kind, value, lead, source, at, last_at)
SELECT g.kind, g.value, g.lead, g.source, g.at, g.last_at
FROM {rows $1: kind text, value stable, lead uuid, source text, at bigint, last_at bigint} g
WHERE true
ON CONFLICT (value, kind) DO NOTHING
