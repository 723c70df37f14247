-- `first` of its stream in this batch: due where nothing of the stream is unsettled yet.
INSERT INTO delivery (id, link, stream, lane, purpose, op, object, lead, handoff, state, due_at, attempt, probe,
    created_at, standing, code, detail, body, run)
SELECT g.id, g.link, g.stream, g.lane, g.purpose, g.op, g.object, g.lead, g.handoff,
    CASE
        WHEN g.state <> 'first' THEN g.state
        WHEN (
            SELECT min(d.seq) FROM delivery d WHERE d.link = g.link AND d.stream = g.stream AND d.state <> 'settled'
        ) IS NOT NULL THEN 'waiting'
        ELSE 'due'
    END, g.due_at, g.attempt, g.probe,
    g.created_at, g.standing, g.code, g.detail, g.body, g.run
FROM {rows $1: id uuid, link text, stream text, lane bigint, purpose text, op text, object text, lead uuid, handoff uuid, state text, due_at bigint, attempt bigint, probe bigint, created_at bigint, standing text, code text, detail stable, body doc, run text} g
WHERE true
ON CONFLICT DO NOTHING
