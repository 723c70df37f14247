-- What line of the funnel a lead `l` stands in, by $1; `o` is its month.
CASE $1
    WHEN 'channel' THEN l.channel
    WHEN 'source' THEN l.source
    WHEN 'campaign' THEN l.campaign
    WHEN 'pool' THEN l.pool
    WHEN 'origin' THEN l.origin_kind
    WHEN 'owner' THEN COALESCE(l.owner_person, l.owner_user)
    ELSE o.name
END
