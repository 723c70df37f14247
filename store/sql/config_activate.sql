INSERT INTO config (one, epoch, hash, at) VALUES (1, 1, $1, $2)
ON CONFLICT (one) DO UPDATE SET epoch = config.epoch + 1, hash = excluded.hash, at = excluded.at
WHERE config.hash <> excluded.hash
