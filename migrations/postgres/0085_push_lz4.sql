-- Bodies of pushes are packed by LZ4, which takes a fraction of the time, where this server can.

DO $$
BEGIN
    ALTER TABLE push ALTER COLUMN body SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported OR invalid_parameter_value THEN
    NULL;
END
$$;
