INSERT INTO lead (id, version, stage, source, channel, campaign, owner_user, owner_person, origin_at, created_at,
    last_touch_at, touches, mql_at, rest_until, merged_into, name_fold, company_fold, won_amount, pool, origin_kind, body)
SELECT g.id, g.version, g.stage, g.source, g.channel, g.campaign, g.owner_user, g.owner_person, g.origin_at, g.created_at,
    g.last_touch_at, g.touches, g.mql_at, g.rest_until, g.merged_into, g.name_fold, g.company_fold, g.won_amount, g.pool, g.origin_kind, g.body
FROM {rows $1: id uuid, version bigint, stage text, source text, channel text, campaign text, owner_user text, owner_person text, origin_at bigint, created_at bigint, last_touch_at bigint, touches bigint, mql_at bigint, rest_until bigint, merged_into uuid, name_fold stable, company_fold text, won_amount real, pool text, origin_kind text, body doc} g
WHERE true
ON CONFLICT (id) DO UPDATE SET version = excluded.version, stage = excluded.stage, source = excluded.source,
    channel = excluded.channel, campaign = excluded.campaign, owner_user = excluded.owner_user,
    owner_person = excluded.owner_person, origin_at = excluded.origin_at, created_at = excluded.created_at,
    last_touch_at = excluded.last_touch_at, touches = excluded.touches, mql_at = excluded.mql_at,
    rest_until = excluded.rest_until, merged_into = excluded.merged_into, name_fold = excluded.name_fold,
    company_fold = excluded.company_fold, won_amount = excluded.won_amount, pool = excluded.pool,
    origin_kind = excluded.origin_kind, body = excluded.body
WHERE lead.version < excluded.version
