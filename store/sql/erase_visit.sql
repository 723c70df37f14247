DELETE FROM visit WHERE EXISTS (
    SELECT 1 FROM {rows $1: kind text, value stable} g WHERE g.kind = visit.kind AND g.value = visit.value
)
