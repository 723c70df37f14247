SELECT coalesce(max(d.seq), 0) FROM delivery d
