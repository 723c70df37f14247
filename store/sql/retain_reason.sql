DELETE FROM reason WHERE seq IN (
    SELECT x.seq FROM (SELECT r.seq, r.at FROM reason r ORDER BY r.seq LIMIT $2) x WHERE x.at < $1
)
