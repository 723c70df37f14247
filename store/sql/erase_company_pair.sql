-- The pair stays, for it is about companies; whose lead raised it is forgotten.
UPDATE company_pair SET lead = NULL WHERE lead IN (SELECT g.id FROM {rows $1: id uuid} g)
