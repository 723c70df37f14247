WITH who AS (SELECT g.id FROM {rows $1: id uuid} g)
SELECT 'lead' AS name, count(*) AS held FROM lead l WHERE l.id IN (SELECT id FROM who)
UNION ALL SELECT 'identifier', count(*) FROM identifier i WHERE i.lead IN (SELECT id FROM who)
UNION ALL SELECT 'touch', count(*) FROM touch t WHERE t.lead IN (SELECT id FROM who)
UNION ALL SELECT 'capture', count(*) FROM ({part captures_of}) k
UNION ALL SELECT 'handoff', count(*) FROM handoff h WHERE h.lead IN (SELECT id FROM who)
UNION ALL SELECT 'decision', count(*) FROM decision d WHERE d.lead IN (SELECT id FROM who)
UNION ALL SELECT 'shadow', count(*) FROM shadow w WHERE w.lead IN (SELECT id FROM who)
UNION ALL SELECT 'feedback', count(*) FROM feedback f WHERE f.lead IN (SELECT id FROM who)
UNION ALL SELECT 'deadline', count(*) FROM deadline e WHERE e.lead IN (SELECT id FROM who)
UNION ALL SELECT 'delivery', count(*) FROM delivery y WHERE y.lead IN (SELECT id FROM who)
UNION ALL SELECT 'link', count(*) FROM remote_link r WHERE r.lead IN (SELECT id FROM who)
UNION ALL SELECT 'reason', count(*) FROM ({part reasons_of}) k
UNION ALL SELECT 'suspect', count(*) FROM suspect p WHERE p.lead IN (SELECT id FROM who) OR p.other IN (SELECT id FROM who)
UNION ALL SELECT 'company_pair', count(*) FROM company_pair o WHERE o.lead IN (SELECT id FROM who)
UNION ALL SELECT 'conversation', count(DISTINCT a.conversation) FROM attempt a
    WHERE a.delivery IN (SELECT v.id FROM delivery v WHERE v.lead IN (SELECT id FROM who))
UNION ALL SELECT 'before_image', count(*) FROM before_image b WHERE b.lead IN (SELECT id FROM who)
