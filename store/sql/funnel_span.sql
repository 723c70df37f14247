SELECT min(l.origin_at), max(l.origin_at) FROM lead l
WHERE l.merged_into IS NULL AND l.origin_at >= $1 AND l.origin_at < $2
