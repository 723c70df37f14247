SELECT c.key, c.value FROM {rows $1: key text} g JOIN counter c ON c.key = g.key
