-- Every setting at both ends and just outside; nothing else is called mlops.
-- (settings exist from the first call on)
SELECT count(*) > 0 AS loaded FROM mlops.algorithms();
SELECT name, unit, context, min_val, max_val, boot_val FROM pg_settings WHERE name LIKE 'mlops.%' ORDER BY name;
\set VERBOSITY sqlstate
SET mlops.fit_memory = '64kB';
SET mlops.fit_memory = '63kB';
SET mlops.fit_memory = 2147483647;
SET mlops.fit_memory = 2147483648;
SET mlops.fit_memory = 'much';
SET mlops.fit_memory = '1GB';
SHOW mlops.fit_memory;
RESET mlops.fit_memory;
SHOW mlops.fit_memory;
SET mlops.model_cache_size = 0;
SET mlops.model_cache_size = -1;
SET mlops.model_cache_size = 2147483647;
SET mlops.model_cache_size = 2147483648;
RESET mlops.model_cache_size;
SHOW mlops.model_cache_size;
SET mlops.training_memory = '1MB';
SET mlops.training_memory = '1023kB';
SET mlops.training_memory = 2147483647;
SET mlops.training_memory = 2147483648;
RESET mlops.training_memory;
SHOW mlops.training_memory;
SET mlops.training_memory = '1.5GB';
SHOW mlops.training_memory;
RESET mlops.training_memory;
-- those of the background workers are the server's
SET mlops.enabled = off;
SET mlops.databases = 'a';
SET mlops.launcher_poll = 5;
SET mlops.max_workers = 5;
SET mlops.worker_max_runtime = 5;
ALTER SYSTEM SET mlops.launcher_poll = 0;
ALTER SYSTEM SET mlops.launcher_poll = 3601;
ALTER SYSTEM SET mlops.max_workers = 0;
ALTER SYSTEM SET mlops.max_workers = 65;
ALTER SYSTEM SET mlops.worker_max_runtime = 0;
ALTER SYSTEM SET mlops.worker_max_runtime = '86401s';
ALTER SYSTEM SET mlops.enabled = 'sometimes';
ALTER SYSTEM SET mlops.databases = 'one', '';
ALTER SYSTEM SET mlops.databases = '"open';
-- a name that does not exist is refused, not kept as a placeholder
SET mlops.traning_memory = '1GB';
SHOW mlops.traning_memory;
SELECT set_config('mlops.anything', '1', true);
-- and what they do: at the smallest, small things still work
SET mlops.fit_memory = '64kB';
SET mlops.model_cache_size = 0;
SET mlops.training_memory = '1MB';
SELECT rows_used FROM mlops.train('small', 'SELECT i AS x, 3 * i AS y FROM generate_series(1, 100) AS i', 'y');
SELECT round(mlops.predict('small', '{"x": 5}'::jsonb)) AS fifteen;
SELECT mlops.fit('linear_regression', 3 * i, ARRAY[i]) IS NOT NULL AS fits FROM generate_series(1, 1000) AS i;
SELECT entries FROM mlops_private.model_cache();
SELECT mlops.train('small', 'SELECT i AS x, 3 * i AS y, i % 7 AS z FROM generate_series(1, 50000) AS i', 'y') IS NULL AS never;
RESET ALL;
-- set for a function or a role like any other
CREATE FUNCTION pg_temp.setting() RETURNS text LANGUAGE sql SET mlops.training_memory = '7MB' AS $$ SELECT current_setting('mlops.training_memory') $$;
SELECT pg_temp.setting(), current_setting('mlops.training_memory') AS outside;
SELECT mlops.drop_model('small');
