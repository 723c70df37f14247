DELETE FROM quarantine WHERE EXISTS (
    SELECT 1 FROM {rows $1: value text} g WHERE {sqlite: instr}{postgres: strpos}(quarantine.body, g.value) > 0
)
