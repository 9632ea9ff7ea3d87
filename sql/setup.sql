-- Runs first, so that every other topic can stand alone: the extension, and
-- the tables chicago, credit, penguins and pima of src/test/data.
CREATE EXTENSION mlops;
\getenv abs_srcdir PG_ABS_SRCDIR
\set load :abs_srcdir '/src/test/data/load.sql'
\set ECHO none
\i :load
\set ECHO all
SELECT (SELECT count(*) FROM credit) AS credit,
       (SELECT count(*) FROM penguins) AS penguins,
       (SELECT count(*) FROM pima) AS pima;
