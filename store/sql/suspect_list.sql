SELECT s.lead, s.other, s.kind, s.value, s.reason, s.at, s.verdict, s.judged_by, s.judged_at FROM suspect s
WHERE (s.lead, s.other) > ($1, $2) AND ($3 OR s.verdict IS NULL)
ORDER BY s.lead, s.other
LIMIT $4
