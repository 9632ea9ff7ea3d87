-- what the examples of docs/alerts.md begin with
SET client_min_messages = warning;
SELECT version FROM mlops.train('credit', 'applications', 'status', 'decision_tree') \gset
