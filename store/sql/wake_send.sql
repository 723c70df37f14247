{postgres: SELECT pg_notify('leadloop', g.topic)::text AS topic FROM {rows $1: topic text} g}
{sqlite: SELECT g.topic FROM {rows $1: topic text} g}
