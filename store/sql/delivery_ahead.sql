-- Claims that last longer than any: whoever made them had a clock that was ahead, or had it set back since.
UPDATE delivery SET claimed_until = $3 WHERE state = 'claimed' AND link = $1 AND claimed_until > $2
