SELECT p.one_key, p.other_key, p.one, p.other, p.reason, p.lead, p.link, p.object, p.remote, p.at,
    p.verdict, p.judged_by, p.judged_at
FROM company_pair p
WHERE (p.one_key, p.other_key) > ($1, $2) AND ($3 OR p.verdict IS NULL) AND ($4 OR p.verdict IS NOT NULL)
ORDER BY p.one_key, p.other_key
LIMIT $5
