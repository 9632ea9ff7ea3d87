"""scipy's side of data_drift.sh: ks_2samp of every column, of arrays that are
in memory before the clock starts.

usage: data_drift_peer.py table_a table_b repetitions

Connects as libpq's environment says.  Prints the median of the milliseconds of
all columns, and refuses to where D is not what mlops.data_drift() says.
"""
import io
import statistics
import sys
import time

import numpy as np
import psycopg2
from scipy.stats import ks_2samp


def load(cursor, table):
    buf = io.BytesIO()
    cursor.copy_expert(f"COPY {table} TO STDOUT (FORMAT csv)", buf)
    buf.seek(0)
    return np.loadtxt(buf, delimiter=",", ndmin=2).T.copy()


def main():
    a_name, b_name, reps = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with psycopg2.connect("") as connection, connection.cursor() as cursor:
        a, b = load(cursor, a_name), load(cursor, b_name)
        cursor.execute("SELECT ks FROM mlops.data_drift(%s, %s)", (a_name, b_name))
        ours = [row[0] for row in cursor.fetchall()]
    times = []
    for _ in range(reps):
        start = time.perf_counter()
        d = [ks_2samp(x, y, mode="asymp").statistic for x, y in zip(a, b)]
        times.append((time.perf_counter() - start) * 1000)
    worst = max(abs(x - y) for x, y in zip(d, ours))
    if len(d) != len(ours) or worst > 1e-12:
        sys.exit(f"D differs by {worst}")
    print(statistics.median(times))


if __name__ == "__main__":
    main()
