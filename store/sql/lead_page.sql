SELECT l.body FROM lead l
WHERE l.merged_into IS NULL AND l.id < $1
    AND (CAST($2 AS TEXT) IS NULL OR l.stage = $2)
    AND (CAST($3 AS TEXT) IS NULL OR l.source = $3)
    AND (CAST($4 AS TEXT) IS NULL OR l.channel = $4)
    AND (CAST($5 AS TEXT) IS NULL OR l.owner_person = $5 OR l.owner_user = $5)
    AND (CAST($6 AS TEXT) IS NULL OR {sqlite: instr}{postgres: strpos}(l.company_fold, $6) > 0
        OR {sqlite: instr}{postgres: strpos}(l.name_fold, $6) > 0
        OR EXISTS (SELECT 1 FROM identifier i WHERE i.lead = l.id AND {sqlite: instr}{postgres: strpos}(i.value, $6) > 0))
    AND ($7 OR l.pool IN (SELECT g.name FROM {rows $8: name text} g))
ORDER BY l.id DESC
LIMIT $9
