SELECT l.id, l.version, l.stage, l.merged_into, l.name_fold, l.company_fold
FROM lead l WHERE l.id IN (SELECT g.id FROM {rows $1: id uuid} g)
ORDER BY l.id
{postgres: FOR UPDATE}
