-- Names that start so.
SELECT w.lead, min(w.rank) FROM (
    SELECT l.id AS lead, CAST(4 AS BIGINT) AS rank FROM lead l WHERE l.company_fold >= $1 AND l.company_fold < $2
    UNION ALL
    SELECT l.id AS lead, CAST(5 AS BIGINT) AS rank FROM lead l WHERE l.name_fold >= $1 AND l.name_fold < $2
    UNION ALL
    -- Sealed ones are found as a whole.
    SELECT l.id AS lead, CAST(5 AS BIGINT) AS rank FROM lead l WHERE l.name_fold = {stable $4}
) w
GROUP BY w.lead
ORDER BY 2, 1
LIMIT $3
