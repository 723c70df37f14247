-- Telling our own people: which raised alarms they know of.

-- The `since` of the alarm they were told of; none where they know it as clear.
ALTER TABLE alarm ADD COLUMN told INTEGER;
