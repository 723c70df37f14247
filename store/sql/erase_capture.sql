DELETE FROM capture WHERE seq IN ({part captures_of})
