-- Leads that are there and stand under the same stage and names: SQLite would write the entry of every index whose column
-- is set, changed or not, and those of names lie all over the file.
UPDATE lead SET version = g.version, source = g.source, channel = g.channel, campaign = g.campaign,
    owner_user = g.owner_user, owner_person = g.owner_person, origin_at = g.origin_at, created_at = g.created_at,
    last_touch_at = g.last_touch_at, touches = g.touches, mql_at = g.mql_at, rest_until = g.rest_until,
    won_amount = g.won_amount, pool = g.pool, origin_kind = g.origin_kind, body = g.body
FROM {rows $1: id uuid, version bigint, stage text, source text, channel text, campaign text, owner_user text, owner_person text, origin_at bigint, created_at bigint, last_touch_at bigint, touches bigint, mql_at bigint, rest_until bigint, merged_into uuid, name_fold stable, company_fold text, won_amount real, pool text, origin_kind text, body doc} g
WHERE lead.id = g.id AND lead.version < g.version
