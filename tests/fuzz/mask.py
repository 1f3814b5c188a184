"""The codec of masks: bytes are one mask or none, and a mask is one string of bytes.

The first bytes say which shape the rest is held against, as untrusted as they are: rows and columns, two bytes each,
or four where the first byte is odd.

In a campaign atheris 3.0 keeps the result of every comparison of arrays that it instruments (seen without any of this
program: 10,000 comparisons of 20 kB leave 192 MB). So inputs are short there, the limit is high and the number of
inputs is limited; memory is held against the size of the input by the short run.
"""

from __future__ import annotations

import random

import numpy as np
from fuzz.mutations import damage
from fuzz.target import Target

from certify.base.mask import from_bits
from certify.certificate.mask_codec import decode, encode
from certify.errors import InvalidCertificateError


def check(data: bytes) -> bool:
    width = 4 if data[:1] and data[0] & 1 else 2
    rows, columns = (int.from_bytes(data[1 + width * i : 1 + width * (i + 1)], "little") for i in range(2))
    written = data[1 + 2 * width :]
    try:
        mask = decode(written, (rows, columns), "mask")
    except InvalidCertificateError as error:
        if error.place != "mask":
            raise
        return False
    assert mask.shape == (rows, columns)
    assert encode(mask) == written
    return True


def seed(rows: int, columns: int, share: float, wide: bool) -> bytes:
    rng = np.random.default_rng([rows, columns])
    shape = b"".join(size.to_bytes(4 if wide else 2, "little") for size in (rows, columns))
    return bytes([wide]) + shape + encode(from_bits(rng.random((rows, columns)) < share))


def seeds() -> list[bytes]:
    sizes = [(1, 1), (3, 5), (2, 300), (40, 7), (1, 40_000)]
    return [
        seed(rows, columns, share, wide)
        for rows, columns in sizes
        for share in (0.0, 0.02, 0.5)
        for wide in (False, True)
    ]


def mutate(data: bytes, rng: random.Random) -> bytes:
    return damage(data, rng)


TARGET = Target("mask", check, seeds, mutate, max_length=256, max_megabytes=2048, max_runs=1_500_000)
