-- For people who look with a database tool: times readable, no documents. Nothing in the program reads these.

CREATE VIEW readable_push AS
SELECT id, source, to_timestamp(arrived / 1000000.0) AS arrived,
       method, path, length(body) AS body_bytes, state, code, detail
FROM push;

CREATE VIEW readable_capture AS
SELECT seq, id, push, place, source, kind,
       to_timestamp(happened / 1000000.0) AS happened,
       to_timestamp(arrived / 1000000.0) AS arrived,
       state, ending, lead, handoff, code, detail
FROM capture;

CREATE VIEW readable_lead AS
SELECT id, version, stage, source, channel, campaign, owner_user, owner_person, name_fold AS name,
       company_fold AS company,
       to_timestamp(origin_at / 1000000.0) AS first_touch,
       to_timestamp(last_touch_at / 1000000.0) AS last_touch,
       touches, to_timestamp(mql_at / 1000000.0) AS mql_at,
       to_timestamp(rest_until / 1000000.0) AS rest_until, merged_into, won_amount
FROM lead;

CREATE VIEW readable_touch AS
SELECT id, lead, capture, to_timestamp(at / 1000000.0) AS at, kind, source, channel
FROM touch;

CREATE VIEW readable_handoff AS
SELECT id, lead, link, state, to_timestamp(state_since / 1000000.0) AS state_since,
       to_timestamp(opened_at / 1000000.0) AS opened_at,
       to_timestamp(delivered_at / 1000000.0) AS delivered_at,
       to_timestamp(answered_at / 1000000.0) AS answered_at,
       to_timestamp(due_at / 1000000.0) AS due_at,
       rule, owner_user, owner_person, feedback, code
FROM handoff;

CREATE VIEW readable_delivery AS
SELECT seq, id, link, stream, lane, purpose, op, object, lead, handoff, state,
       to_timestamp(due_at / 1000000.0) AS due_at, attempt, probe,
       to_timestamp(created_at / 1000000.0) AS created_at,
       to_timestamp(settled_at / 1000000.0) AS settled_at, code, detail
FROM delivery;

CREATE VIEW readable_attempt AS
SELECT seq, delivery, number, to_timestamp(at / 1000000.0) AS at, class, detail
FROM attempt;
