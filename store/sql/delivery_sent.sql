SELECT d.seq, d.lead, d.op, d.body FROM delivery d
WHERE d.link = $1 AND d.object = $2 AND d.op IN ('create', 'update') AND d.purpose IN ('handover', 'fields', 'status')
    AND d.lead IS NOT NULL AND d.created_at >= $3 AND d.seq > $4
ORDER BY d.seq LIMIT $5
