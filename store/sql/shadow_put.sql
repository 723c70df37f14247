INSERT INTO shadow (rules, decision, lead, at, region, live_rule, live_to, shadow_rule, shadow_to, verdict, failed)
SELECT CAST($1 AS TEXT), g.decision, g.lead, g.at, g.region, g.live_rule, g.live_to, g.shadow_rule, g.shadow_to, g.verdict, g.failed
FROM {rows $2: decision uuid, lead uuid, at bigint, region text, live_rule text, live_to text, shadow_rule text, shadow_to text, verdict text, failed text} g
WHERE true
ON CONFLICT (rules, decision) DO NOTHING
