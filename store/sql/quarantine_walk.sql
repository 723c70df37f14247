-- All records of quarantine, settled ones too: sealed ones are looked into by the program.
SELECT q.push, q.place, q.body FROM quarantine q
WHERE (q.push, q.place) > ($1, $2)
ORDER BY q.push, q.place
LIMIT $3
