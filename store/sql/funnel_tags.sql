-- What sales answered how often, by what a line of the funnel stands for. An answer about a merged lead counts for the lead
-- it was merged into.
WITH RECURSIVE {part above}
SELECT COALESCE({part line}, ''), f.tag, count(*)
FROM feedback f
LEFT JOIN above a ON a.id = f.lead
JOIN lead l ON l.id = COALESCE(a.root, f.lead)
LEFT JOIN {rows $4: name text, from_at bigint, to_at bigint} o ON l.origin_at >= o.from_at AND l.origin_at < o.to_at
WHERE l.merged_into IS NULL AND l.origin_at >= $2 AND l.origin_at < $3
    AND ($5 OR l.pool IN (SELECT w.name FROM {rows $6: name text} w))
GROUP BY 1, f.tag
ORDER BY 1, 3 DESC, 2
