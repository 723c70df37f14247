-- Captures that nobody was found for yet: by what stands in them.
DELETE FROM capture WHERE state <> 'done' AND EXISTS (
    SELECT 1 FROM {rows $1: value text} g WHERE {sqlite: instr}{postgres: strpos}(capture.body, g.value) > 0
)
