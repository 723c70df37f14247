-- Only the oldest are looked at: where those are young, all are.
DELETE FROM attempt WHERE seq IN (
    SELECT x.seq FROM (SELECT a.seq, a.at FROM attempt a ORDER BY a.seq LIMIT $2) x WHERE x.at < $1
)
