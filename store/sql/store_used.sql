-- Whether anything of people stands in the store; what a config leaves at its first start does not count.
SELECT EXISTS (SELECT 1 FROM push) OR EXISTS (SELECT 1 FROM capture) OR EXISTS (SELECT 1 FROM lead)
    OR EXISTS (SELECT 1 FROM mirror) OR EXISTS (SELECT 1 FROM visit) OR EXISTS (SELECT 1 FROM audit)
    OR EXISTS (SELECT 1 FROM erased) OR EXISTS (SELECT 1 FROM delivery WHERE standing IS NULL)
    OR EXISTS (SELECT 1 FROM dedup)
