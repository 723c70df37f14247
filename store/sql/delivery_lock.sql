-- The first unsettled delivery of each stream that gets more: whoever settles it and whoever adds behind it go one
-- after the other, or what was added would wait for ever.
SELECT h.seq FROM {rows $1: link text, stream text} g
{sqlite: JOIN delivery h ON h.link = g.link AND h.stream = g.stream AND h.state <> 'settled'}
{postgres: CROSS JOIN LATERAL (
    SELECT d.seq FROM delivery d WHERE d.link = g.link AND d.stream = g.stream AND d.state <> 'settled'
    ORDER BY d.seq LIMIT 1 FOR UPDATE
) h}
