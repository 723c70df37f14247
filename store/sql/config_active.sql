SELECT hash, epoch FROM config
