#!/usr/bin/python3
"""An independent implementation of mlops.fingerprint(), from its description.

Prints the fingerprints that sql/fingerprint.sql expects of the same rows.
Values are written as (family, value); see the table in src/data/fingerprint.c.
"""
import struct

M = (1 << 64) - 1
K = [0xD1A6E55E9B9B1325, 0xCF0C26EF4243ED53, 0x5E6A0A2EDD70E34D,
     0x0463513755AC0ECD, 0xB37523A53B4A3EE3]
F = [0x27CC092169AE03A9, 0x26866093E8E9AF13, 0x8884D24615655A8B,
     0x6B671171DA1CBB25, 0xDEEBA770A9A1BD2B, 0x3970EB02739BEEDD]
SEEDS = (0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179)
NULL = (0x6A09E667F3BCC908, 0xBB67AE8584CAA73B)


def fold(a, b):
    p = a * b
    return (p & M) ^ (p >> 64)


def mix(a, b):
    p = (a ^ K[0]) * (b ^ K[1])
    return fold((p & M) ^ K[2], (p >> 64) ^ K[3])


def word(b):
    return int.from_bytes(b.ljust(8, b"\0"), "little")


def hash_bytes(data, seed):
    p, left, a, b = 0, len(data), 0, 0
    seed ^= fold(seed ^ K[0], K[1])
    w = lambda i: word(data[p + i:p + i + 8])
    if left > 48:
        one = other = seed
        while left > 48:
            seed = fold(w(0) ^ K[1], w(8) ^ seed)
            one = fold(w(16) ^ K[2], w(24) ^ one)
            other = fold(w(32) ^ K[3], w(40) ^ other)
            p, left = p + 48, left - 48
        seed ^= fold(one ^ K[4], other ^ K[0])
    while left > 16:
        seed = fold(w(0) ^ K[1], w(8) ^ seed)
        p, left = p + 16, left - 16
    if left > 8:
        a, b = w(0), word(data[p + 8:])
    elif left > 0:
        a = word(data[p:])
    m = (a ^ K[2]) * (b ^ seed)
    return fold((m & M) ^ K[3] ^ len(data), (m >> 64) ^ K[4])


def words(family, value):
    if value is None:
        return NULL
    if family in (0, 1, 4, 7, 8, 9):
        return (value & M,) * 2
    if family == 2:
        bits = struct.unpack("<Q", struct.pack("<d", value + 0.0))[0]
        return (0x7FF8000000000000 if value != value else bits,) * 2
    if family in (5, 6, 10):
        return tuple(hash_bytes(value, s) for s in SEEDS)
    if family == 3:         # (weight, sign, digits to the base 10,000)
        weight, sign, digits = value
        digits = b"".join(d.to_bytes(2, "big") for d in digits)
        head = struct.pack(">hH", weight, sign)
        return tuple(mix(hash_bytes(digits, s), hash_bytes(head, s)) for s in SEEDS)
    raise ValueError(family)


def keyed(column, i):
    name, family, value = column
    return words(family, value)[i] ^ hash_bytes(name, mix(family, i))


def fingerprint(rows):
    total = 0
    for row in rows:
        lanes = [0, 0]
        columns = sorted((name.encode(), family, value) for name, (family, value) in row.items())
        if len(columns) % 2:
            columns.append((b"", 0, 0))
        for a, b in zip(columns[::2], columns[1::2]):
            for i in range(2):
                lanes[i] = (lanes[i] + fold(keyed(a, i), keyed(b, i))) & M
        low = mix(lanes[0], lanes[1])
        high = mix(lanes[1] ^ F[0], lanes[0] ^ F[1])
        total += (high << 64) | low
    low, high, n = total & M, total >> 64 & M, len(rows)
    return "%016x%016x" % (mix(mix(low ^ F[2], high ^ F[3]), n),
                           mix(mix(high ^ F[4], low ^ F[5]), n))


# 1,000 rows of generate_series: an integer, a float, a text, a numeric, a boolean, nulls
def example(i):
    return {"a": (1, i), "b": (2, i / 8 - 3), "c": (5, (b"text number %d " % i) * (i % 7)),
            "d": (3, (0, 0, [i, 5000])), "e": (4, i % 2), "f": (7, None if i % 3 == 0 else i)}


print("no rows     ", fingerprint([]))
print("1,000 rows  ", fingerprint([example(i) for i in range(1, 1001)]))
