DELETE FROM shape WHERE span < $1
