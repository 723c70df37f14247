INSERT INTO erasure (id, lead, at, who, body) VALUES ($1, $2, $3, $4, {doc $5})
