-- What a command ordered is listed by its run; the daily work bears none.

CREATE INDEX delivery_run ON delivery (run, seq) WHERE run IS NOT NULL;
