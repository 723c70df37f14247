SELECT r.body FROM remote_link r WHERE r.waiting > 0 ORDER BY r.at, r.link, r.object, r.id LIMIT $1
