SELECT r.body FROM remote_link r WHERE r.withheld > 0 AND ($2 OR r.link = $1) ORDER BY r.at, r.link, r.object, r.id LIMIT $3
