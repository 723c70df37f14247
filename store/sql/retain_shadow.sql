DELETE FROM shadow WHERE (rules, decision) IN (
    SELECT s.rules, s.decision FROM shadow s WHERE s.at < $1 ORDER BY s.at LIMIT $2
)
