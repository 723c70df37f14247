-- What sales answered counts for the numbers; what they wrote about the person goes.
UPDATE feedback SET remark = NULL WHERE lead IN (SELECT g.id FROM {rows $1: id uuid} g)
