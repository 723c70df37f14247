-- Every lead, merged ones too: where names are sealed, the program looks for parts of them.
SELECT l.body FROM lead l WHERE l.id > $1
ORDER BY l.id
LIMIT $2
