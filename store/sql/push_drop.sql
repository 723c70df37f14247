UPDATE push SET state = 'read' WHERE id = $1 AND state = 'parked'
