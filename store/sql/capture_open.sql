-- Captures that are not done, in the order of keeping: sealed ones are looked into by the program.
SELECT c.seq, c.id, c.body FROM capture c
WHERE c.state <> 'done' AND c.seq > $1
ORDER BY c.seq
LIMIT $2
