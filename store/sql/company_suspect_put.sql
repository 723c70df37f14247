INSERT INTO company_pair (one_key, other_key, one, other, reason, lead, link, object, remote, at)
SELECT g.one_key, g.other_key, g.one, g.other, g.reason, g.lead, g.link, g.object, g.remote, g.at
FROM {rows $1: one_key text, other_key text, one text, other text, reason text, lead uuid, link text, object text,
      remote text, at bigint} g
WHERE true
ON CONFLICT (one_key, other_key) DO NOTHING
