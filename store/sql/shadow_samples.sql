SELECT s.decision, s.lead, s.at, s.region, s.live_rule, s.live_to, s.shadow_rule, s.shadow_to, s.verdict, s.failed, d.body
FROM shadow s LEFT JOIN decision d ON d.id = s.decision
WHERE s.rules = $1 AND s.at >= $2 AND s.verdict = $3
ORDER BY s.at DESC, s.decision DESC
LIMIT $4
