-- For people who look with a database tool: times readable, no documents. Nothing in the program reads these.

CREATE VIEW readable_push AS
SELECT id, source, strftime('%Y-%m-%d %H:%M:%fZ', arrived / 1000000.0, 'unixepoch') AS arrived,
       method, path, length(body) AS body_bytes, state, code, detail
FROM push;

CREATE VIEW readable_capture AS
SELECT seq, id, push, place, source, kind,
       strftime('%Y-%m-%d %H:%M:%fZ', happened / 1000000.0, 'unixepoch') AS happened,
       strftime('%Y-%m-%d %H:%M:%fZ', arrived / 1000000.0, 'unixepoch') AS arrived,
       state, ending, lead, handoff, code, detail
FROM capture;

CREATE VIEW readable_lead AS
SELECT id, version, stage, source, channel, campaign, owner_user, owner_person, name_fold AS name,
       company_fold AS company,
       strftime('%Y-%m-%d %H:%M:%fZ', origin_at / 1000000.0, 'unixepoch') AS first_touch,
       strftime('%Y-%m-%d %H:%M:%fZ', last_touch_at / 1000000.0, 'unixepoch') AS last_touch,
       touches, strftime('%Y-%m-%d %H:%M:%fZ', mql_at / 1000000.0, 'unixepoch') AS mql_at,
       strftime('%Y-%m-%d %H:%M:%fZ', rest_until / 1000000.0, 'unixepoch') AS rest_until, merged_into, won_amount
FROM lead;

CREATE VIEW readable_touch AS
SELECT id, lead, capture, strftime('%Y-%m-%d %H:%M:%fZ', at / 1000000.0, 'unixepoch') AS at, kind, source, channel
FROM touch;

CREATE VIEW readable_handoff AS
SELECT id, lead, link, state, strftime('%Y-%m-%d %H:%M:%fZ', state_since / 1000000.0, 'unixepoch') AS state_since,
       strftime('%Y-%m-%d %H:%M:%fZ', opened_at / 1000000.0, 'unixepoch') AS opened_at,
       strftime('%Y-%m-%d %H:%M:%fZ', delivered_at / 1000000.0, 'unixepoch') AS delivered_at,
       strftime('%Y-%m-%d %H:%M:%fZ', answered_at / 1000000.0, 'unixepoch') AS answered_at,
       strftime('%Y-%m-%d %H:%M:%fZ', due_at / 1000000.0, 'unixepoch') AS due_at,
       rule, owner_user, owner_person, feedback, code
FROM handoff;

CREATE VIEW readable_delivery AS
SELECT seq, id, link, stream, lane, purpose, op, object, lead, handoff, state,
       strftime('%Y-%m-%d %H:%M:%fZ', due_at / 1000000.0, 'unixepoch') AS due_at, attempt, probe,
       strftime('%Y-%m-%d %H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%d %H:%M:%fZ', settled_at / 1000000.0, 'unixepoch') AS settled_at, code, detail
FROM delivery;

CREATE VIEW readable_attempt AS
SELECT seq, delivery, number, strftime('%Y-%m-%d %H:%M:%fZ', at / 1000000.0, 'unixepoch') AS at, class, detail
FROM attempt;
