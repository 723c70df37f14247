-- Captures of the leads of list 1. One that a touch of the same lead tells of stands in no index of leads: it is found by
-- its touch.
SELECT c.seq FROM capture c WHERE c.lead IN (SELECT g.id FROM {rows $1: id uuid} g) AND NOT c.by_touch
UNION
SELECT c.seq FROM touch t CROSS JOIN capture c
WHERE t.lead IN (SELECT g.id FROM {rows $1: id uuid} g) AND c.id = t.capture AND c.lead = t.lead AND c.by_touch
