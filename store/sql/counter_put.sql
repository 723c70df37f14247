INSERT INTO counter (key, value)
SELECT g.key, g.value FROM {rows $1: key text, value doc} g
WHERE true
ON CONFLICT (key) DO UPDATE SET value = excluded.value
