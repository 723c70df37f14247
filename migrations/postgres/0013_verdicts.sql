-- Who judged a pair of suspects, and when. `verdict` is `same` or `apart`; none: it is open.
ALTER TABLE suspect ADD COLUMN judged_by TEXT;
ALTER TABLE suspect ADD COLUMN judged_at BIGINT;
