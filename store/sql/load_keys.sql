SELECT k.link, k.kind, k.value, k.object, k.id FROM {rows $1: link text, kind text, value text} g
JOIN mirror_key k ON k.link = g.link AND k.kind = g.kind AND k.value = g.value
