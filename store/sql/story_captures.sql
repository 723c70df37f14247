SELECT k.body, k.ending, k.lead, k.handoff, k.code, k.detail FROM capture k
WHERE k.seq IN ({part captures_of})
ORDER BY k.seq DESC
LIMIT $2
