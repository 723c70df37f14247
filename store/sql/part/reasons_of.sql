-- Reasons about the leads of list 1. Those of a capture that a touch of the same lead tells of stand in no index of leads:
-- they are found by the touch.
SELECT r.seq FROM reason r WHERE r.lead IN (SELECT g.id FROM {rows $1: id uuid} g) AND NOT r.by_touch
UNION
SELECT r.seq FROM touch t CROSS JOIN reason r
WHERE t.lead IN (SELECT g.id FROM {rows $1: id uuid} g) AND r.capture = t.capture AND r.lead = t.lead AND r.by_touch
