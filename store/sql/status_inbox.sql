SELECT count(*), min(c.arrived) FROM capture c WHERE c.state = 'due'
