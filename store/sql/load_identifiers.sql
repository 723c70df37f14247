SELECT i.kind, i.value, i.lead, i.source, i.at, i.last_at
FROM {rows $1: id uuid} g JOIN identifier i ON i.lead = g.id
