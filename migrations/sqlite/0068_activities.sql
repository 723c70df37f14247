-- The campaign and the activity (webinar, live stream, fair) of each touch, for counting.
ALTER TABLE touch ADD COLUMN campaign TEXT;
ALTER TABLE touch ADD COLUMN activity TEXT;

UPDATE touch SET campaign = json_extract(body, '$.fields.campaign') WHERE body LIKE '%"campaign":%';
UPDATE touch SET activity = COALESCE(json_extract(body, '$.fields.event'), json_extract(body, '$.fields.webinar'),
    json_extract(body, '$.fields.channel_id'), campaign, source)
WHERE kind IN ('event_viewed', 'live_viewed', 'webinar_viewed', 'event_registered', 'live_registered',
    'live_registration_approved', 'webinar_registered', 'event_attended', 'event_signed_in', 'live_attended',
    'live_joined', 'webinar_attended');
