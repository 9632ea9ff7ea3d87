-- Models written by earlier releases load for ever (P6): the stored bytes of
-- format 1, each with what it answered when it was written.  A line may be added
-- here, and none changed.
SET client_min_messages = warning;
SET extra_float_digits = 0;
CREATE TEMP TABLE golden (name text, model mlops.model);

INSERT INTO golden VALUES ('golden_binary',
'jU1MT1BTDQoBAAIAAQAAALACAAAAAAAAjigq+Qp83fd+4S96FsKCjkMe85wDcS66MTBbU0cMCxMEIk0YSECwAgAAAAAAAAUzAgAA'
'8h0BAAIAAQAAAFNJR05sAAAAAgMCAHluAgACAAAAamEEAAAAbmVpbgQAAQBhASoA+HsAAAAACEABAGIBAgEBAJ0fBQRtXEW/AQBj'
'AwQBAQADAAAABAAAAGJsYXUFAAAAZ3LDvG4DAAAAcm90AQBlAgIAAQBVVVVVVVXVP0ZBQ1RTAQAAeyJvcHRpb25zIjogeyJsMiI6'
'IDEsICJzZWVkIjogMCwgInRhc2siOiAiYXV0byIsICJzb2x2ZXISAPYTbWlzc2luZyI6ICJtZWFuIiwgInRvbGVyYW5jZSI6IDAu'
'MAEA8yAxLCAiZml0X2ludGVyY2VwdCI6IHRydWUsICJtYXhfY2F0ZWdvcmllcyI6IDEwMBcAVGl0ZXJhpwADFwACdQAEMgBTeSI6'
'ICI+APoWeSJ9LCAid2VpZ2h0ZWQiOiBmYWxzZSwgInJvd19zZWN1cml0eRcAcXNfc2tpcHAuABIwKgBxc190cmFpbhMAJDQ4FADy'
'DGhlbGRfb3V0IjogMTIsICJ2YWx1ZXNfaW1wdWwA0TV9Qk9EWdEAAAAHAADfARIDuAEqSEAIAPID+H/zYaY3JQNAwBSTsYRcnUDA'
'EAATUCgAIvh/MACi+H/gOrn9VZCiPxAAE/AIAKIQQI/GFZ+WSKu/GACT+H+/PeZpgQCmIACV+H/+vwDpuzKoEAB1d2krzbEk6DAA'
'dexk7Ikic7IQAHXjy87KQf+lMADwARZyQjbA2Ks/AAAAAAAA+H8AAAAA');

INSERT INTO golden VALUES ('golden_classes',
'jU1MT1BTDQoBAAIAAQAAAN4CAAAAAAAAcZnipX8Y/Jh4xcGkcTxEcCAnZnbbZROwpP+VWfpIki0EIk0YSEDeAgAAAAAAAENCAgAA'
'8QcBAAIAAQAAAFNJR05IAAAAAgMBAGsDEwDyAngBAAAAeQEAAAB6AwABAGEBFwD0CwAAAAAIQAEAYgEDAQEAMilKK1Ofwr8BAGQE'
'IAD4NSAB1EBGQUNUVQEAAHsib3B0aW9ucyI6IHsibDIiOiAxLCAic2VlZCI6IDAsICJ0YXNrIjogImF1dG8iLCAic29sdmVyEgD2'
'FW1pc3NpbmciOiAibWVkaWFuIiwgInRvbGVyYW5jZSI6IDAuMAEA8yAxLCAiZml0X2ludGVyY2VwdCI6IHRydWUsICJtYXhfY2F0'
'ZWdvcmllcyI6IDEwMBcAVGl0ZXJhqQADFwACdwAEMgBTeSI6ICI+AMF5In0sICJ3ZWlnaHTJAPoFZmFsc2UsICJyb3dfc2VjdXJp'
'dHkXAHFzX3NraXBwLgASMCoAcXNfdHJhaW4TACQ0OBQA8gxoZWxkX291dCI6IDEyLCAidmFsdWVzX2ltcHVsAPMANX1CT0RZIQEA'
'AAQAAAADBABRAAAASEAHAAUIAPID+H9QovCMcJ1IwH6F8DVWMEnAEAATWCgAIvh/MACi+H9gECSJzVOXPxAAE/AIAJUQQE5YMokk'
'G0UwAHO1yumN85iqIACV+H8oxb1cN0O+EACCxdps63D6YL9IAKT4f4Fy4UjQaVfAEAB1nEaF8FbNwSAAdR+OA1wDnZ0QAHVLCkRx'
'c+VyUAB1hDOQCHy4SYAAdZ6oFRo0TrYgAHWb4byF9tu2QADwAXvyGvd10GS/AAAAAAAA+H8AAAAA');

INSERT INTO golden VALUES ('golden_linear',
'jU1MT1BTDQoBAAEAAQAAAN8CAAAAAAAAan3dAf8gAsF9E25G/hOPG/uc//tdL+IwnkBZFzHBu24EIk0YSEDfAgAAAAAAANKeAgAA'
'IAEAAgDyDAAAU0lHToUAAAABAQEAeQAABgABAGEBAgABAAEA9DsJQAEAYgECAQEALzSELLF0E78BAGMDBAEBAAMAAAAEAAAAYmxh'
'dQUAAABncsO8bgMAAAByb3QBAGQEAgABAFVVVVWpANRAAQBlAhAA8zBVVdU/AQBmBwIAAgAzaZqEIxquv6uqqqqqqv8/RkFDVCUB'
'AAB7Im9wdGlvbnMiOiB7ImwyIjogMCwgInNlZWQLAPEjdGFzayI6ICJhdXRvIiwgIm1pc3NpbmciOiAibWVhbiIsICJ0b2xlcmFu'
'Y2UiOiAwLjABAPYgMSwgImZpdF9pbnRlcmNlcHQiOiB0cnVlLCAibWF4X2NhdGVnb3JpZXMiOiAxMDBZAAQbAFN5IjogIicAwXki'
'fSwgIndlaWdodJkA+gVmYWxzZSwgInJvd19zZWN1cml0eRcAcXNfc2tpcHAuABIwKgBxc190cmFpbhMAJDQ4FADyDGhlbGRfb3V0'
'IjogMTIsICJ2YWx1ZXNfaW1wdWwA1DV9Qk9EWRUBAAAKAACvASJIQLYBEyQIAPNCQ0DjiAb47N0BQH/yrD046e8/dB7qCNPj7z/8'
'37MngaiXQKd6UHfWkZc2CLXq3PgHzz+V/vYM9A8WQGsBCfML8CVAdoJzTFONP0Cqwau6QxOtYADwkwAAQBol7fz9MMDSdh1JDjNF'
'QBY5X0NGyf8/nwretP2rkj8QAMI+Ul7wP8JzBdPfIKs/y2h1K61j7L9hyP6FVPK6P5cWaVS8zP+/5s8QvfGKuj/kvbCdk0PrPzAF'
'fkOicLo/JuXK6CI+Tj/gz9+JyvVgP9hByuqdsMA/NVpYt1qVsz+Tn1OF4ctBP2/5XVa4pqo/gDj2Wwc8oz/WYg3hzj+aPwAAAAA=');

-- every stored byte is the content's: packed again, it is the same content
SELECT name, mlops.describe(model) ->> 'sha256' AS sha256, model OPERATOR(mlops.=) model::text::mlops.model AS round_trip
  FROM golden ORDER BY name;

-- what they answer
SELECT i, round(mlops.predict(model, r)::numeric, 12) AS linear
  FROM golden, LATERAL (VALUES
    (1, '{"a": 1, "b": 0.5, "c": "rot", "d": "2026-01-15", "e": true, "f": [0.25, 3]}'::jsonb),
    (2, '{"a": 6, "b": null, "c": null, "d": "2026-02-15", "e": false, "f": [-1, 0]}'),
    (3, '{"a": 0, "b": -1, "c": "lila", "d": "2027-01-01", "e": null, "f": [null, 4]}')) AS v (i, r)
 WHERE name = 'golden_linear' ORDER BY i;
SELECT i, round(mlops.predict(model, r)::numeric, 12) AS p, mlops.classify(model, r)
  FROM golden, LATERAL (VALUES
    (1, '{"a": 1, "b": 0.5, "c": "grün", "e": true}'::jsonb),
    (2, '{"a": 6, "b": null, "c": null, "e": false}'),
    (3, '{"a": 0, "b": -1, "c": "lila", "e": null}')) AS v (i, r)
 WHERE name = 'golden_binary' ORDER BY i;
SELECT i, mlops.classify(model, r), (SELECT jsonb_object_agg(key, round(value::numeric, 12)) FROM jsonb_each_text(mlops.proba(model, r))) AS proba
  FROM golden, LATERAL (VALUES
    (1, '{"a": 1, "b": 0.5, "d": "2026-01-15"}'::jsonb),
    (2, '{"a": 6, "b": null, "d": "2026-02-15"}')) AS v (i, r)
 WHERE name = 'golden_classes' ORDER BY i;
SELECT c.term, round(c.estimate::numeric, 10) AS estimate, round(c.std_error::numeric, 10) AS std_error
  FROM golden, mlops.coefficients(model) AS c WHERE name = 'golden_linear' ORDER BY c.term COLLATE "C";
