"""Holdout quality of gradient boosting: ours, LightGBM's and XGBoost's.

usage: quality.py DIRECTORY

DIRECTORY holds credit.csv, telco_churn.csv, pima.csv, letters.csv,
ames_housing.csv, diamonds.csv and chicago_ridership.csv, exported from the R
packages modeldata, mlbench and ggplot2 (an id column, empty fields for NULL).
The tables d1 and d2 are in the database.  100 trees, 31 leaves, rate 0.1, 255
bins for all; beside LightGBM ours has its bound on leaves (20 rows), beside
XGBoost that one's, its ridge and its categories (a hessian of 1, 1, each apart).  The rows are split by a hash of id; small
sets are split several times, and the mean is taken.

Prints one line a set: name, metric, ours, LightGBM, ours, XGBoost.
"""
import io
import os
import sys

import lightgbm
import numpy as np
import pandas as pd
import psycopg2
import xgboost
from sklearn.metrics import log_loss, root_mean_squared_error, roc_auc_score

SETS = [  # table, file, target, kind, splits
    ("credit", "credit.csv", "status", "binary", 20),
    ("telco", "telco_churn.csv", "churn", "binary", 20),
    ("pima", "pima.csv", "diabetes", "binary", 60),
    ("letters", "letters.csv", "lettr", "classes", 2),
    ("ames", "ames_housing.csv", "sale_price", "regression", 10),
    ("diamonds", "diamonds.csv", "price", "regression", 3),
    ("chicago", "chicago_ridership.csv", "ridership", "regression", 10),
    ("d1_quality", None, "label", "binary", 1),
    ("d2_quality", None, "label", "binary", 1),
]
OPTIONS = '"n_estimators": 100, "max_leaves": 31, "learning_rate": 0.1'
AS_LIGHTGBM = "{" + OPTIONS + ', "min_samples_leaf": 20}'
AS_XGBOOST = "{" + OPTIONS + ', "min_samples_leaf": 1, "min_hessian": 1, "l2": 1, "min_cat_rows": 1}'


def load(cursor, table, path):
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
    types = ["bigint" if c == "id" else "text" if frame[c].dtype == object or str(frame[c].dtype).startswith("str")
             else "float8" for c in frame.columns]
    cursor.execute(f"DROP TABLE IF EXISTS {table}")
    cursor.execute(f"CREATE TABLE {table} ("
                   + ", ".join(f'"{c}" {t}' for c, t in zip(frame.columns, types)) + ", PRIMARY KEY (id))")
    buf = io.StringIO()
    frame.to_csv(buf, index=False)
    buf.seek(0)
    cursor.copy_expert(f"COPY {table} FROM STDIN (FORMAT csv, HEADER)", buf)


def read(cursor, table, where):
    buf = io.BytesIO()
    cursor.copy_expert(f"COPY (SELECT * FROM {table} WHERE {where} ORDER BY id) TO STDOUT (FORMAT csv, HEADER)", buf)
    buf.seek(0)
    return pd.read_csv(buf, keep_default_na=False, na_values=[""])


def arrays(train, test, target):
    names = [c for c in train.columns if c not in ("id", target)]
    both = pd.concat([train, test])
    out = []
    categorical = []
    for i, name in enumerate(names):
        if both[name].dtype == object or str(both[name].dtype).startswith("str"):
            categorical.append(i)
            codes = both[name].astype("category").cat.codes.to_numpy().astype("f8")
            codes[codes < 0] = np.nan
            out.append(codes)
        else:
            out.append(both[name].to_numpy().astype("f8"))
    x = np.column_stack(out)
    return x[:len(train)], x[len(train):], categorical


def measure(kind, y, p):
    if kind == "binary":
        return roc_auc_score(y, p)
    if kind == "classes":
        return log_loss(y, p)
    return root_mean_squared_error(y, p)


def by_lightgbm(kind, nclasses, x, y, test, categorical):
    params = {"num_leaves": 31, "learning_rate": 0.1, "max_bin": 255, "num_threads": 2, "verbose": -1,
              "min_data_in_leaf": 20,
              "objective": {"binary": "binary", "classes": "multiclass", "regression": "regression"}[kind]}
    if kind == "classes":
        params["num_class"] = nclasses
    data = lightgbm.Dataset(x, y, categorical_feature=categorical or "auto", params={"max_bin": 255, "verbose": -1})
    return lightgbm.train(params, data, 100).predict(test)


def by_xgboost(kind, nclasses, x, y, test, categorical):
    def frame(a):
        f = pd.DataFrame(a)
        for i in categorical:
            f[i] = pd.Categorical(f[i], categories=range(int(np.nanmax(np.r_[x[:, i], test[:, i]])) + 1))
        return f
    options = dict(tree_method="hist", n_estimators=100, max_leaves=31, max_depth=0, grow_policy="lossguide",
                   learning_rate=0.1, max_bin=255, n_jobs=2, enable_categorical=bool(categorical))
    if kind == "regression":
        return xgboost.XGBRegressor(**options).fit(frame(x), y).predict(frame(test))
    model = xgboost.XGBClassifier(**options).fit(frame(x), y)
    p = model.predict_proba(frame(test))
    return p if kind == "classes" else p[:, 1]


def ours(cursor, table, target, where, metric, options):
    cursor.execute("SELECT mlops.drop_model(model) FROM mlops.models WHERE model = 'bench_quality'")
    cursor.execute("SELECT 1 FROM mlops.train('bench_quality', %s, %s, 'gradient_boosting', options => %s,"
                   " validation => '{\"method\": \"none\"}')",
                   (f"SELECT * FROM {table} WHERE NOT ({where})", target, options))
    cursor.execute("SELECT value FROM mlops.evaluate('bench_quality', %s) WHERE metric = %s",
                   (f"SELECT * FROM {table} WHERE {where}", metric))
    return cursor.fetchone()[0]


def main():
    connection = psycopg2.connect("")
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("SET client_min_messages = error")
    cursor.execute("CREATE TABLE IF NOT EXISTS d1_quality AS SELECT * FROM d1 ORDER BY id LIMIT 200000")
    cursor.execute("CREATE TABLE IF NOT EXISTS d2_quality AS SELECT * FROM d2 ORDER BY id LIMIT 200000")
    metric = {"binary": "auc", "classes": "log_loss", "regression": "rmse"}
    for table, file, target, kind, splits in SETS:
        if file:
            load(cursor, "q_" + table, os.path.join(sys.argv[1], file))
            table = "q_" + table
        scores = []
        for split in range(splits):
            where = f"(hashint8extended(id, {split + 1}) & 1023) < 205"
            train, test = read(cursor, table, f"NOT ({where})"), read(cursor, table, where)
            x, xt, categorical = arrays(train, test, target)
            if kind == "regression":
                y, yt, nclasses = train[target].to_numpy(), test[target].to_numpy(), 0
            else:
                classes = sorted(train[target].unique())
                y, yt = (f[target].map({c: i for i, c in enumerate(classes)}).to_numpy() for f in (train, test))
                nclasses = len(classes)
            def mine(options):
                return ours(cursor, table, target, where, metric[kind], options)

            def theirs(f):
                return measure(kind, yt, f(kind, nclasses, x, y, xt, categorical))

            scores.append([mine(AS_LIGHTGBM), theirs(by_lightgbm), mine(AS_XGBOOST), theirs(by_xgboost)])
        means = np.mean(scores, axis=0)
        print(table.removeprefix("q_"), metric[kind], *(f"{m:.5f}" for m in means), flush=True)


main()
