-- Rows come closed ones first, so that a hand-over can take the place of one that closes in the same batch.
INSERT INTO handoff (id, version, lead, link, state, open, state_since, opened_at, delivered_at, answered_at, due_at,
    rule, owner_user, owner_person, company_key, feedback, code, body)
SELECT g.id, g.version, g.lead, g.link, g.state, g.open, g.state_since, g.opened_at, g.delivered_at, g.answered_at, g.due_at,
    g.rule, g.owner_user, g.owner_person, g.company_key, g.feedback, g.code, g.body
FROM {rows $1: id uuid, version bigint, lead uuid, link text, state text, open bool, state_since bigint, opened_at bigint, delivered_at bigint, answered_at bigint, due_at bigint, rule text, owner_user text, owner_person text, company_key text, feedback text, code text, body doc} g
WHERE true
ON CONFLICT (id) DO UPDATE SET version = excluded.version, lead = excluded.lead, link = excluded.link,
    state = excluded.state, open = excluded.open, state_since = excluded.state_since, opened_at = excluded.opened_at,
    delivered_at = excluded.delivered_at, answered_at = excluded.answered_at, due_at = excluded.due_at,
    rule = excluded.rule, owner_user = excluded.owner_user, owner_person = excluded.owner_person,
    company_key = excluded.company_key, feedback = excluded.feedback, code = excluded.code, body = excluded.body
WHERE handoff.version < excluded.version
