"""Masks as bytes: compact, with one form only, and nothing to decompress.

For each row: how many columns it keeps, then the gaps between them. A gap is a column minus the one before it,
with -1 before the first, so it is at least 1. All numbers are unsigned LEB128: seven bits in a byte, the lowest
first, the high bit set on every byte but the last. A number in more bytes than it needs is refused, so two strings
of bytes never mean the same mask.

The shape is not in the bytes. It is as untrusted as they are, so nothing is allocated for it before the numbers
have been counted: a matrix has no more rows than there are numbers. All of it is whole-array work except one step
per row, to find where the next one starts.
"""

from __future__ import annotations

from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from certify.base.mask import Mask
from certify.errors import InvalidCertificateError
from certify.network.matrix import Int64Array

_MORE = 0x80
_LOW_BITS = 0x7F
_MAX_NUMBER_BYTES = 9
# Gaps of a row are at most this and fewer than this many, so that their sum stays far below 2^63.
_MAX_COLUMNS = 2**31 - 1


def encode(mask: Mask) -> bytes:
    """Return the one string of bytes for a mask."""
    rows = mask.shape[0]
    heads = mask.start[:-1] + np.arange(rows)
    numbers = np.empty(rows + mask.kept, dtype=np.int64)
    numbers[heads] = np.diff(mask.start)
    numbers[_all_but(heads, len(numbers))] = _gaps(mask)
    return _encode_numbers(numbers).tobytes()


def _gaps(mask: Mask) -> Int64Array:
    """int64[kept]."""
    gaps = np.diff(mask.columns, prepend=-1)
    firsts = mask.start[:-1][np.diff(mask.start) > 0]
    gaps[firsts] = mask.columns[firsts] + 1
    return gaps


def _encode_numbers(numbers: Int64Array) -> NDArray[np.uint8]:
    longest = -(-int(numbers.max(initial=0)).bit_length() // 7)
    lengths = np.ones(len(numbers), dtype=np.int64)
    for index in range(1, longest):
        lengths += numbers >> (7 * index) > 0
    starts = np.cumsum(lengths) - lengths
    data = np.zeros(int(lengths.sum()), dtype=np.uint8)
    for index in range(max(1, longest)):
        has = np.flatnonzero(lengths > index)
        more = np.where(lengths[has] > index + 1, _MORE, 0)
        data[starts[has] + index] = (numbers[has] >> (7 * index)) & _LOW_BITS | more
    return data


def decode(data: bytes, shape: tuple[int, int], place: str) -> Mask:
    """Return the mask of a matrix of `shape` (rows, columns) whose bytes are `data`.

    Raises:
        InvalidCertificateError: a number that is cut off, not minimal or too large, a zero gap, a column past the
            end, more kept than there are columns, rows missing, or bytes left over.
    """
    rows, columns = shape
    if columns > _MAX_COLUMNS:
        raise InvalidCertificateError(f"expected at most {_MAX_COLUMNS} columns, found {columns}", place)
    numbers = _decode_numbers(np.frombuffer(data, dtype=np.uint8), place)
    heads = _find_heads(numbers, rows, columns, place)
    counts = numbers[heads]
    start = np.zeros(rows + 1, dtype=np.int64)
    np.cumsum(counts, out=start[1:])
    gaps = numbers[_all_but(heads, len(numbers))]
    _check_gaps(gaps, start, columns, place)
    reached = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(gaps)])
    kept = reached[1:] - np.repeat(reached[start[:-1]], counts) - 1
    _check_ends(kept, start, columns, place)
    return Mask((rows, columns), start, kept)


def count_numbers(data: bytes) -> int:
    """Return how many numbers end in a mask's bytes."""
    return int(np.count_nonzero(np.frombuffer(data, dtype=np.uint8) < _MORE))


def _decode_numbers(data: NDArray[np.uint8], place: str) -> Int64Array:
    """int64[numbers], each from 0 to 2^63 - 1."""
    ends = np.flatnonzero(data < _MORE)
    if len(data) and (not len(ends) or ends[-1] != len(data) - 1):
        raise InvalidCertificateError("expected the last number to end, found the end of the bytes", place)
    starts = np.concatenate([np.zeros(min(1, len(ends)), dtype=np.int64), ends[:-1] + 1])
    lengths = ends - starts + 1
    _refuse_first(lengths > _MAX_NUMBER_BYTES, starts, "numbers below 2^63, found a larger one", place)
    padded = (lengths > 1) & (data[ends] == 0)
    _refuse_first(padded, starts, "numbers in their shortest form, found a longer one", place)
    numbers = np.zeros(len(ends), dtype=np.int64)
    for index in range(int(lengths.max(initial=0))):
        has = np.flatnonzero(lengths > index)
        numbers[has] |= (data[starts[has] + index] & _LOW_BITS).astype(np.int64) << (7 * index)
    return numbers


def _refuse_first(wrong: NDArray[np.bool_], starts: Int64Array, expected: str, place: str) -> None:
    if wrong.any():
        raise InvalidCertificateError(f"expected {expected} at byte {starts[wrong.argmax()]}", place)


def _find_heads(numbers: Int64Array, rows: int, columns: int, place: str) -> Int64Array:
    """int64[rows]: where among the numbers each row's count stands; the rows fill the numbers exactly."""
    if rows > len(numbers):
        raise InvalidCertificateError(f"expected {rows} rows, found {len(numbers)} numbers in all", place)
    # A view gives Python integers one by one, sooner than the array does.
    heads, view, length = [], numbers.data, len(numbers)
    position = 0
    for row in range(rows):
        if position == length:
            raise InvalidCertificateError(f"expected {rows} rows, found {row}", place)
        count = view[position]
        if count > columns or count >= length - position:
            _refuse_count(count, columns, length - position - 1, f"row {row}", place)
        heads.append(position)
        position += 1 + count
    if position < length:
        problem = f"expected the end after {rows} rows, found {length - position} more numbers"
        raise InvalidCertificateError(problem, place)
    return np.array(heads, dtype=np.int64)


def _refuse_count(count: int, columns: int, numbers_left: int, row: str, place: str) -> NoReturn:
    if count > columns:
        problem = f"expected at most {columns} kept columns in {row}, found {count}"
        raise InvalidCertificateError(problem, place)
    raise InvalidCertificateError(f"expected {count} gaps in {row}, found {numbers_left}", place)


def _check_gaps(gaps: Int64Array, start: Int64Array, columns: int, place: str) -> None:
    wrong = (gaps < 1) | (gaps > columns)
    if wrong.any():
        first = int(wrong.argmax())
        problem = f"expected gaps from 1 to {columns} in row {_row(first, start)}, found {gaps[first]}"
        raise InvalidCertificateError(problem, place)


def _check_ends(kept: Int64Array, start: Int64Array, columns: int, place: str) -> None:
    wrong = kept >= columns
    if wrong.any():
        first = int(wrong.argmax())
        problem = f"expected columns below {columns} in row {_row(first, start)}, found {kept[first]}"
        raise InvalidCertificateError(problem, place)


def _row(index: int, start: Int64Array) -> int:
    """The row in which the kept position of this index stands."""
    return int(np.searchsorted(start, index, side="right")) - 1


def _all_but(heads: Int64Array, length: int) -> NDArray[np.bool_]:
    others = np.ones(length, dtype=np.bool_)
    others[heads] = False
    return others
