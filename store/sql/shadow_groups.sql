SELECT s.region, s.live_rule, s.live_to, s.shadow_rule, s.shadow_to, s.verdict, count(*)
FROM shadow s
WHERE s.rules = $1 AND s.at >= $2
GROUP BY s.region, s.live_rule, s.live_to, s.shadow_rule, s.shadow_to, s.verdict
ORDER BY s.region, s.live_rule, s.live_to, s.shadow_rule, s.shadow_to, s.verdict
