DELETE FROM visit WHERE (source, kind, value) IN (
    SELECT g.source, g.kind, g.value FROM {rows $1: source text, kind text, value stable} g
)
