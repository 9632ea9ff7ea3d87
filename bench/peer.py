"""What people do today: read the table into Python, fit on 80 % of the rows,
measure on the rest, predict every row, write the predictions back.

usage: peer.py linear|logistic|logistic_l2 csv|binary

csv goes through COPY and pandas; binary parses COPY BINARY with a numpy
structured type, which is the fastest reader we know of.  Connects as libpq's
environment says.  Prints one line: seconds from start to end, seconds of the
fit alone, peak memory of the process in MB, quality on the holdout.
"""
import io
import resource
import sys
import time

import numpy as np
import pandas as pd
import psycopg2
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

TABLES = {
    "linear": ("d3", 50, "f8", "y", "f8"),
    "logistic": ("d1", 28, "f4", "label", "i4"),
}


def read_csv(cursor, table):
    buf = io.BytesIO()
    cursor.copy_expert(f"COPY {table} TO STDOUT (FORMAT csv, HEADER)", buf)
    buf.seek(0)
    return pd.read_csv(buf)


def read_binary(cursor, table, n, kind, target, target_kind):
    buf = io.BytesIO()
    cursor.copy_expert(f"COPY {table} TO STDOUT (FORMAT binary)", buf)
    fields = [("id", "i8")]
    fields += [(f"x{i}", kind) for i in range(1, n + 1)]
    fields += [(target, target_kind)]
    dtype = [("natts", ">i2")]
    for name, form in fields:
        dtype += [(name + "_len", ">i4"), (name, ">" + form)]
    dtype = np.dtype(dtype)
    # 19 bytes of header (no extension area), 2 of trailer; no NULLs in these tables
    data = buf.getbuffer()
    rows = np.frombuffer(data, dtype, count=(len(data) - 21) // dtype.itemsize, offset=19)
    ids = rows["id"].astype("i8")
    x = np.empty((len(rows), n), kind)
    for i in range(n):
        x[:, i] = rows[f"x{i + 1}"]
    return ids, x, rows[target].astype(target_kind)


def write_csv(cursor, ids, predicted):
    buf = io.StringIO()
    pd.DataFrame({"id": ids, "p": predicted}).to_csv(buf, index=False, header=False)
    buf.seek(0)
    cursor.copy_expert("COPY bench_out FROM STDIN (FORMAT csv)", buf)


def write_binary(cursor, ids, predicted):
    dtype = np.dtype([("natts", ">i2"), ("id_len", ">i4"), ("id", ">i8"),
                      ("p_len", ">i4"), ("p", ">f8")])
    rows = np.empty(len(ids), dtype)
    rows["natts"], rows["id_len"], rows["p_len"] = 2, 8, 8
    rows["id"], rows["p"] = ids, predicted
    buf = io.BytesIO(b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows.tobytes() + b"\xff\xff")
    cursor.copy_expert("COPY bench_out FROM STDIN (FORMAT binary)", buf)


def main():
    what, reader = sys.argv[1:]
    table, n, kind, target, target_kind = TABLES[what.split("_")[0]]
    start = time.perf_counter()
    connection = psycopg2.connect("")
    cursor = connection.cursor()
    cursor.execute("DROP TABLE IF EXISTS bench_out; CREATE TABLE bench_out (id bigint, p float8)")
    if reader == "csv":
        frame = read_csv(cursor, table)
        ids, y = frame["id"].to_numpy(), frame[target].to_numpy()
        x = frame[[f"x{i}" for i in range(1, n + 1)]].to_numpy()
        del frame
    else:
        ids, x, y = read_binary(cursor, table, n, kind, target, target_kind)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=1)
    if what == "linear":
        model = LinearRegression()
    elif what == "logistic":
        model = LogisticRegression(solver="lbfgs", penalty=None)
    else:
        model = LogisticRegression(solver="lbfgs", C=1.0)
    fit_start = time.perf_counter()
    model.fit(x_train, y_train)
    fit = time.perf_counter() - fit_start
    if what == "linear":
        quality = model.score(x_test, y_test)
        predicted = model.predict(x)
    else:
        quality = roc_auc_score(y_test, model.predict_proba(x_test)[:, 1])
        predicted = model.predict_proba(x)[:, 1]
    (write_csv if reader == "csv" else write_binary)(cursor, ids, predicted)
    connection.commit()
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{seconds:.3f} {fit:.3f} {peak:.0f} {quality:.6f}")


main()
