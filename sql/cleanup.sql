-- Runs last: the extension leaves nothing behind.
SET client_min_messages = warning;
DROP TABLE chicago, credit, penguins, pima;
DROP EXTENSION mlops CASCADE;
SELECT count(*) AS left_behind
  FROM pg_namespace
 WHERE nspname IN ('mlops', 'mlops_private');
