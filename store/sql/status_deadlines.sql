SELECT count(*) FROM deadline d WHERE d.at < $1
