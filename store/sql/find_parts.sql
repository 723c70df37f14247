-- Names that contain it: looks at every lead, so only where nothing starts so.
SELECT l.id, CAST(CASE WHEN {sqlite: instr}{postgres: strpos}(l.company_fold, $1) > 0 THEN 4 ELSE 5 END AS BIGINT)
FROM lead l
WHERE {sqlite: instr}{postgres: strpos}(l.company_fold, $1) > 0 OR {sqlite: instr}{postgres: strpos}(l.name_fold, $1) > 0
ORDER BY 2, 1
LIMIT $2
