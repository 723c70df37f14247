-- What was set aside lately, source by source, is looked at every few minutes.
CREATE INDEX quarantine_source ON quarantine (source, at);
