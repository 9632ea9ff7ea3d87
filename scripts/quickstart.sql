-- What mlops does, on 4,454 real credit applications.  Run by quickstart.sh, which
-- makes the table; "status" says how each loan ended.
\set QUIET on
\pset border 1
\pset footer off
\pset linestyle unicode
\pset null '∅'
\pset columns 100
\pset format wrapped
SET client_min_messages = notice;
\set QUIET off
\set ECHO queries

\echo
\echo '==== 1  The data: applications for credit, and how each ended ===================================='
\echo
SELECT id, status, seniority, home, age, marital, job, income, amount, price FROM credit ORDER BY id LIMIT 4;

SELECT status, count(*), round(avg(income)) AS avg_income, round(avg(amount)) AS avg_amount
  FROM credit GROUP BY status ORDER BY status;

\echo
\echo '==== 2  Train ===================================================================================='
\echo
CREATE EXTENSION mlops;

SELECT model, version, algorithm, rows_used, rows_skipped, features, round(seconds::numeric, 2) AS seconds
  FROM mlops.train('credit', 'credit', 'status', 'logistic_regression', note => 'all columns');

\echo
\echo '---- measured on applications that it has not seen'
\echo
SELECT key AS metric, trim_scale(round(value::numeric, 4)) AS value
  FROM mlops.versions, jsonb_each_text(metrics)
 WHERE model = 'credit' AND key IN ('n', 'auc', 'accuracy', 'log_loss', 'brier', 'ece');

\echo
\echo '---- what it has learnt: the factor on the odds of "good" for each term, strongest evidence first'
\echo
SELECT term, round(odds_ratio::numeric, 3) AS odds_ratio, round(estimate::numeric, 5) AS estimate,
       round(std_error::numeric, 5) AS std_error, round(statistic::numeric, 1) AS z, to_char(p_value, '9.9EEEE') AS p
  FROM mlops.coefficients('credit') ORDER BY abs(statistic) DESC NULLS LAST LIMIT 8;

\echo
\echo '==== 3  A second version, from a query: derived columns, and the ridge that the notice advised ====='
\echo
SELECT version, algorithm, rows_used, features
  FROM mlops.train('credit',
       $$SELECT status, home, marital, records, job, age, income, expenses, debt, assets, amount, price,
                ln(1 + seniority) AS log_seniority, amount::float8 / price AS financed FROM credit$$,
       'status', 'logistic_regression', options => '{"l2": 1}', alias => 'challenger', note => 'ridge, financed share');

\echo
\echo '---- which is better?'
\echo
SELECT version, aliases, note, round((metrics->>'auc')::numeric, 4) AS auc,
       round((metrics->>'log_loss')::numeric, 4) AS log_loss, round((metrics->>'brier')::numeric, 4) AS brier
  FROM mlops.versions WHERE model = 'credit' ORDER BY version;

\echo
\echo '---- "credit" means its champion, "credit@challenger" and "credit:2" the new one, on the same rows'
\echo
CREATE VIEW applications AS
SELECT *, ln(1 + seniority) AS log_seniority, amount::float8 / price AS financed FROM credit;

SELECT round(mlops.predict('credit', a)::numeric, 3) AS champion,
       round(mlops.predict('credit@challenger', a)::numeric, 3) AS challenger, status
  FROM applications a ORDER BY abs(mlops.predict('credit', a) - mlops.predict('credit:2', a)) DESC LIMIT 3;

\echo
\echo '---- deploy: one row, in your transaction; everybody meets it at the commit, and back is as quick'
\echo
SELECT * FROM mlops.set_alias('credit@challenger', 'champion');

SELECT * FROM mlops.rollback('credit', reason => 'only a demo');

\echo
\echo '==== 4  Trees: nothing to fill in, encode or scale; auto compares on the same held-out rows ======='
\echo
SELECT version, algorithm, rows_used, features
  FROM mlops.train('credit', 'credit', 'status', options => '{"learning_rate": 0.05, "max_leaves": 8}',
       alias => 'boosted', note => 'small steps, small trees');

SELECT version, algorithm, metrics->>'n' AS held_out, round((metrics->>'auc')::numeric, 4) AS auc,
       round((metrics->>'log_loss')::numeric, 4) AS log_loss, round((metrics->>'brier')::numeric, 4) AS brier
  FROM mlops.versions WHERE model = 'credit' AND version IN (1, 3) ORDER BY version;

\echo
\echo '---- what matters: how much the log-loss grows when one column is dealt out at random'
\echo
SELECT feature, round(importance::numeric, 4) AS importance, round(deviation::numeric, 4) AS deviation
  FROM mlops.importance('credit@boosted', method => 'permutation', source => 'credit') ORDER BY importance DESC LIMIT 5;

\echo
\echo '==== 5  Score: rows are matched by column name ==================================================='
\echo
SELECT id, status, round(mlops.predict('credit', c)::numeric, 3) AS p_good,
       mlops.classify('credit', c), mlops.proba('credit', c)
  FROM credit c WHERE id <= 4 ORDER BY id;

\echo
\echo '---- what if?  Any JSON object will do; what is missing counts as missing'
\echo
SELECT what_if, round(mlops.predict('credit', to_jsonb(c) || what_if)::numeric, 3) AS p_good
  FROM credit c, (VALUES ('{}'::jsonb), ('{"income": 300}'), ('{"amount": 1000}'), ('{"records": "no"}')) AS w (what_if)
 WHERE id = 3;

\echo
\echo '---- measures are aggregates: how well does it rank the applicants of each kind of job (training rows are among them)?'
\echo
SELECT job, count(*), round(mlops.auc(status = 'good', mlops.predict('credit', c))::numeric, 3) AS auc,
       round(avg(mlops.predict('credit', c))::numeric, 3) AS expected_good, round(avg((status = 'good')::int), 3) AS good
  FROM credit c GROUP BY job HAVING count(*) > 100 ORDER BY 2 DESC;

\echo
\echo '==== 6  Every new application arrives scored ====================================================='
\echo
CREATE TABLE inbox (LIKE credit, p_good float8);

CREATE TRIGGER score BEFORE INSERT ON inbox
  FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('credit', 'p_good');

INSERT INTO inbox (id, seniority, home, "time", age, marital, records, job, expenses, income, assets, debt, amount, price)
VALUES (9001, 12, 'owner', 48, 41, 'married', 'no', 'fixed', 60, 210, 8000, 0, 900, 1600),
       (9002, 0, 'rent', 60, 22, 'single', 'yes', 'partime', 45, 70, 0, 0, 1500, 1550)
RETURNING id, home, job, income, amount, round(p_good::numeric, 3) AS p_good;

\echo
\echo '==== 7  One model per group, in one query ========================================================'
\echo
SELECT species, count(*), round(mlops.predict(mlops.fit('linear_regression', body_mass_g,
         ARRAY[flipper_length_mm, bill_length_mm]), ARRAY[200, 45])::numeric) AS grams_at_200_45
  FROM penguins WHERE body_mass_g IS NOT NULL GROUP BY species ORDER BY species;

\echo
\echo '==== 8  What there is ============================================================================'
\echo
SELECT model, task, owner, versions, champion FROM mlops.models;

\echo
\echo '---- and who did what: written with the act itself, later sealed into a chain of hashes'
\echo
SELECT actor, action, object, payload->>'version' AS version, payload->>'previous' AS before, payload->>'reason' AS reason
  FROM mlops.audit ORDER BY event_id;
\set ECHO none
\echo
