SELECT s.link, s.object, s.at FROM {rows $1: link text} g JOIN mirror_seen s ON s.link = g.link
