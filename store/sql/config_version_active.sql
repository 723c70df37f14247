SELECT c.hash, c.epoch, c.at, v.outline FROM config c LEFT JOIN config_version v ON v.hash = c.hash
