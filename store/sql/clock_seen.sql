-- The latest time that was written down here, or nearly.
SELECT max(x.at) FROM (
    SELECT d.created_at AS at FROM delivery d WHERE d.seq = (SELECT max(l.seq) FROM delivery l)
    UNION ALL
    SELECT a.at FROM attempt a WHERE a.seq = (SELECT max(l.seq) FROM attempt l)
) x
