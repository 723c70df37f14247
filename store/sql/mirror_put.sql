INSERT INTO mirror (link, object, id, owner, account, open, deleted, modified_at, seen_at, won, amount, received, body)
SELECT g.link, g.object, g.id, g.owner, g.account, g.open, g.deleted, g.modified_at, g.seen_at, g.won, g.amount, g.received, g.body
FROM {rows $1: link text, object text, id text, owner text, account text, open bool, deleted bool, modified_at bigint, seen_at bigint, won bool, amount real, received real, body doc} g
WHERE true
ON CONFLICT (link, object, id) DO UPDATE
SET owner = excluded.owner, account = excluded.account, open = excluded.open, deleted = excluded.deleted,
    modified_at = excluded.modified_at, seen_at = excluded.seen_at, won = excluded.won, amount = excluded.amount, received = excluded.received, body = excluded.body
