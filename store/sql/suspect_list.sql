SELECT s.lead, s.other, s.kind, s.value, s.reason, s.at FROM suspect s
WHERE (s.lead, s.other) > ($1, $2)
ORDER BY s.lead, s.other
LIMIT $3
