DELETE FROM before_image WHERE delivery IN (
    SELECT b.delivery FROM before_image b WHERE b.at < $1 ORDER BY b.at LIMIT $2
)
