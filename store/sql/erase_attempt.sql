DELETE FROM attempt WHERE delivery IN (SELECT d.id FROM delivery d WHERE d.lead IN (SELECT g.id FROM {rows $1: id uuid} g))
