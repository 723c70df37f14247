DELETE FROM reason WHERE seq IN ({part reasons_of})
