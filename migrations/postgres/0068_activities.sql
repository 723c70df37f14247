-- The campaign and the activity (webinar, live stream, fair) of each touch, for counting.
ALTER TABLE touch ADD COLUMN campaign TEXT COLLATE "C";
ALTER TABLE touch ADD COLUMN activity TEXT COLLATE "C";

UPDATE touch SET campaign = CAST(body AS jsonb) -> 'fields' ->> 'campaign' WHERE body LIKE '%"campaign":%';
UPDATE touch SET activity = COALESCE(CAST(body AS jsonb) -> 'fields' ->> 'event', CAST(body AS jsonb) -> 'fields' ->> 'webinar',
    CAST(body AS jsonb) -> 'fields' ->> 'channel_id', campaign, source)
WHERE kind IN ('event_viewed', 'live_viewed', 'webinar_viewed', 'event_registered', 'live_registered',
    'live_registration_approved', 'webinar_registered', 'event_attended', 'event_signed_in', 'live_attended',
    'live_joined', 'webinar_attended');
