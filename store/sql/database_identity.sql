{postgres: SELECT d.oid::text FROM pg_database d WHERE d.datname = current_database()}
{sqlite: SELECT 'file'}
