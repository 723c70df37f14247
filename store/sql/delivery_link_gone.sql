-- What is due at systems that are not in the config any more waits for a person, standing polls for their system.
UPDATE delivery SET
    state = CASE WHEN standing IS NULL THEN 'parked' ELSE 'waiting' END,
    code = CASE WHEN standing IS NULL THEN $2 END,
    detail = CASE WHEN standing IS NULL THEN {stable $3} END
WHERE state = 'due' AND link NOT IN (SELECT g.link FROM {rows $1: link text} g)
