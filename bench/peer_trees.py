"""Trees by way of Python: read a bench table into arrays, fit, say how long.

usage: peer_trees.py fit LIBRARY TABLE [key=value ...]
       peer_trees.py end_to_end LIBRARY TABLE [key=value ...]

LIBRARY: lightgbm, xgboost or sklearn_forest.  TABLE: d1, d2 or another table
of d1's columns.  Keys: trees, leaves, rate, bins, rows, model (a file to save
the model to), test (a table to measure on).  Two threads, leaf-wise growth, at least 20 rows a leaf where
the library knows that, the libraries' defaults otherwise.

fit prints one line: seconds of binning and training from arrays in memory,
AUC on 100,000 of the rows trained on or on
the table test, size of the library's own binary file.  end_to_end
reads the table by csv through pandas, trains on all rows, predicts all, copies
the predictions back, and prints: seconds from start to end, seconds of the
fit, AUC.
"""
import io
import os
import sys
import tempfile
import time

import numpy as np
import pandas as pd
import psycopg2
from sklearn.metrics import roc_auc_score

CATEGORICAL = [f"c{i}" for i in range(1, 7)]
DEFAULTS = {"trees": 100, "leaves": 63, "rate": 0.1, "bins": 255, "rows": 0, "model": "", "test": ""}


def read(cursor, table):
    """The table by csv, as a frame."""
    buf = io.BytesIO()
    cursor.copy_expert(f"COPY (SELECT * FROM {table} ORDER BY id) TO STDOUT (FORMAT csv, HEADER)", buf)
    buf.seek(0)
    return pd.read_csv(buf)


def features(frame):
    """Columns, a float32 or float64 matrix with categories as codes (NaN: missing), indices of categories."""
    names = [c for c in frame.columns if c not in ("id", "label", "y")]
    categorical = [i for i, c in enumerate(names) if c in CATEGORICAL]
    x = np.empty((len(frame), len(names)), "f8" if categorical else "f4")
    for i, name in enumerate(names):
        if i in categorical:
            codes = frame[name].astype("category").cat.codes.to_numpy().astype("f8")
            codes[codes < 0] = np.nan
            x[:, i] = codes
        else:
            x[:, i] = frame[name].to_numpy()
    return names, x, categorical


def fit_lightgbm(x, y, categorical, o):
    import lightgbm
    start = time.perf_counter()
    data = lightgbm.Dataset(x, y, categorical_feature=categorical or "auto",
                            params={"max_bin": o["bins"], "num_threads": 2, "verbose": -1})
    model = lightgbm.train({"objective": "binary", "num_leaves": o["leaves"], "learning_rate": o["rate"],
                            "max_bin": o["bins"], "num_threads": 2, "verbose": -1, "min_data_in_leaf": 20},
                           data, o["trees"])
    seconds = time.perf_counter() - start
    return seconds, lambda a: model.predict(a, num_threads=2), model.save_model


def fit_xgboost(x, y, categorical, o):
    import xgboost
    options = {}
    make = lambda a: a
    if categorical:
        def make(a):
            frame = pd.DataFrame(a)
            for i in categorical:
                frame[i] = pd.Categorical(frame[i])
            return frame
        options = {"enable_categorical": True}
    arrays = make(x)
    start = time.perf_counter()
    model = xgboost.XGBClassifier(tree_method="hist", n_estimators=o["trees"], max_leaves=o["leaves"],
                                  max_depth=0, grow_policy="lossguide", learning_rate=o["rate"],
                                  max_bin=o["bins"], n_jobs=2, **options)
    model.fit(arrays, y)
    seconds = time.perf_counter() - start
    return seconds, lambda a: model.predict_proba(make(a))[:, 1], model.save_model


def fit_sklearn_forest(x, y, categorical, o):
    from sklearn.ensemble import RandomForestClassifier
    start = time.perf_counter()
    model = RandomForestClassifier(n_estimators=o["trees"], n_jobs=2, random_state=1)
    model.fit(x, y)
    return time.perf_counter() - start, lambda a: model.predict_proba(a)[:, 1], None


FIT = {"lightgbm": fit_lightgbm, "xgboost": fit_xgboost, "sklearn_forest": fit_sklearn_forest}
SUFFIX = {"lightgbm": ".txt", "xgboost": ".ubj"}


def options(words):
    o = dict(DEFAULTS)
    for word in words:
        key, value = word.split("=", 1)
        o[key] = type(DEFAULTS[key])(value)
    return o


def fit(cursor, library, table, o):
    frame = read(cursor, table)
    if o["rows"]:
        frame = frame.iloc[: o["rows"]]
    _, x, categorical = features(frame)
    y = frame["label"].to_numpy()
    seconds, predict, save = FIT[library](x, y, categorical, o)
    size = 0
    if save:
        name = o["model"] or tempfile.mktemp(suffix=SUFFIX[library])
        save(name)
        size = os.path.getsize(name)
        if not o["model"]:
            os.remove(name)
    if o["test"]:
        frame = read(cursor, o["test"])
        _, x, _ = features(frame)
        y = frame["label"].to_numpy()
    else:
        x, y = x[:100000], y[:100000]
    print(f"{seconds:.3f} {roc_auc_score(y, predict(x)):.6f} {size}")


def end_to_end(connection, cursor, library, table, o):
    start = time.perf_counter()
    cursor.execute("DROP TABLE IF EXISTS bench_out; CREATE TABLE bench_out (id bigint, p float8)")
    buf = io.BytesIO()
    cursor.copy_expert(f"COPY {table} TO STDOUT (FORMAT csv, HEADER)", buf)
    buf.seek(0)
    frame = pd.read_csv(buf)
    _, x, categorical = features(frame)
    y = frame["label"].to_numpy()
    seconds, predict, _ = FIT[library](x, y, categorical, o)
    p = predict(x)
    out = io.StringIO()
    pd.DataFrame({"id": frame["id"], "p": p}).to_csv(out, index=False, header=False)
    out.seek(0)
    cursor.copy_expert("COPY bench_out FROM STDIN (FORMAT csv)", out)
    connection.commit()
    total = time.perf_counter() - start
    print(f"{total:.3f} {seconds:.3f} {roc_auc_score(y, p):.6f}")


def main():
    what, library, table = sys.argv[1:4]
    o = options(sys.argv[4:])
    connection = psycopg2.connect("")
    cursor = connection.cursor()
    if what == "fit":
        fit(cursor, library, table, o)
    else:
        end_to_end(connection, cursor, library, table, o)


main()
