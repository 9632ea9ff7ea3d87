/* sql/install: the modules of the install script, concatenated in order */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION mlops" to load this file. \quit

CREATE SCHEMA mlops;
COMMENT ON SCHEMA mlops
  IS 'machine learning: functions, types and views that people use';

CREATE SCHEMA mlops_private;
COMMENT ON SCHEMA mlops_private
  IS 'tables and helpers of mlops; nobody but the owner of the extension writes here';
