-- the tables that the examples of docs/metrics.md speak of
CREATE TABLE sales AS SELECT job AS region, price, price * 0.9 + 50 AS estimate, home AS color, date '2026-01-01' + id % 365 AS sold FROM applications;
CREATE TABLE scored AS SELECT status = 'bad' AS defaulted, 1 / (1 + exp((income - 130) / 100.0)) AS risk FROM applications WHERE income IS NOT NULL;
CREATE TABLE guesses AS SELECT species, CASE WHEN bill_length_mm < 42 THEN 'Adelie' ELSE species END AS guess FROM penguins;
