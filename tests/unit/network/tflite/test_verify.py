"""Damaged files: an InputError or a network, never another exception, and in time and memory that the size bounds."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tflite_models import DEPLOYED, Layer, Model, Tensor, between, chain, integers, number, subtable

from certify.errors import InputError
from certify.network.tflite import read_tflite
from certify.network.tflite.verify import MAX_BYTES, verify

ECG = DEPLOYED["ecg5000_autoencoder"].read_bytes()


def small() -> Model:
    """Return a model with every kind of table that is read, and little data."""
    layers = [
        Layer([[1, -2, 3], [4, 0, -128]], (0.5,), [7, -9], 0.25, -128, "RELU"),
        Layer([[100, 127], [1, 2]], (0.25, 0.5), [5, 6], 0.5, 3),
    ]
    flat = Tensor("flat", (2,), "INT8", (0.5,), (3,))
    return between(chain(layers).then("RESHAPE", flat, [integers("shape", [2])]))


SMALL = small().pack()


def outcome(data: bytes) -> bool:
    """Tell whether the bytes are read; everything but an InputError of one line passes through."""
    try:
        read_tflite(data, "single")
    except InputError as error:
        message = str(error)
    else:
        return True
    assert message.isprintable()
    return False


def test_whole_files_are_read() -> None:
    assert outcome(ECG)
    assert outcome(SMALL)


@pytest.mark.parametrize("data", [ECG, SMALL], ids=["deployed", "small"])
def test_cut_off_at_every_byte(data: bytes) -> None:
    for length in range(len(data)):
        cut = data[:length]
        # What is cut off may be padding.
        assert not outcome(cut) or not any(data[length:])


@pytest.mark.long
def test_every_byte_damaged() -> None:
    read = sum(outcome(damaged) for damaged in _damaged(SMALL, range(len(SMALL)), (0x01, 0xFF)))
    assert 0 < read < 2 * len(SMALL)


def test_bytes_of_a_deployed_file_damaged() -> None:
    read = sum(outcome(damaged) for damaged in _damaged(ECG, range(3, len(ECG), 61), (0xFF,)))
    assert 0 < read < len(ECG) // 61


@pytest.mark.long
def test_every_offset_replaced() -> None:
    for at in range(0, len(SMALL) - 3, 4):
        for value in (0xFFFFFFFF, 0x80000000, 0x7FFFFFFF, len(SMALL), 0):
            outcome(SMALL[:at] + struct.pack("<I", value) + SMALL[at + 4 :])


@given(st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_several_bytes_damaged(changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(SMALL)
    for at, value in changes:
        damaged[at] = value
    outcome(bytes(damaged))


@given(st.binary(max_size=200))
def test_arbitrary_bytes(data: bytes) -> None:
    assert not outcome(data)
    assert not outcome(data[:4] + b"TFL3" + data[4:])


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "expected a TFLite file, with TFL3 at bytes 4 to 8"),
        (SMALL[:4] + b"TFL2" + SMALL[8:], "expected a TFLite file"),
        (b"\xff\xff\xff\xff" + SMALL[4:], "expected offsets inside the file's"),
        (b"\x00\x00\x00\x00TFL3" + bytes(64), "expected"),
        (SMALL + bytes(MAX_BYTES), "expected a TFLite file of at most 67108864 bytes"),
    ],
    ids=["empty", "another identifier", "root outside", "root at 0", "too long"],
)
def test_refused(data: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        verify(data)


def test_a_field_of_a_newer_schema() -> None:
    model = small()
    newer = model.with_tensor(0, more={10: number("Uint32", 1)})
    with pytest.raises(InputError, match=r"subgraphs\[0\]\.tensors\[0\]: .* found field 10"):
        read_tflite(newer.pack(), "single")
    layer = model.operators[1]
    spec = model.with_operator(1, options=layer.options | {5: subtable({})})
    with pytest.raises(InputError, match=r"operators\[1\]\.builtin_options: .* found field 5"):
        read_tflite(spec.pack(), "single")


def test_a_vector_of_four_billion_costs_nothing() -> None:
    at = SMALL.index(struct.pack("<Iii", 2, 1, 3))
    damaged = SMALL[:at] + struct.pack("<I", 0xFFFFFFFF) + SMALL[at + 4 :]
    tracemalloc.start()
    assert not outcome(damaged)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


@pytest.mark.parametrize(
    ("tables", "entries", "problem"),
    [(1, 70_000, "at most 65536 tables"), (1000, 1000, "points at each of its bytes once, found more than twice")],
    ids=["one table, many entries", "one string, many tables"],
)
def test_what_is_pointed_at_many_times(tables: int, entries: int, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        verify(_sharing(tables, entries, b"x" * 20_000))


def _damaged(data: bytes, places: range, flips: tuple[int, ...]) -> Iterator[bytes]:
    for at in places:
        for flip in flips:
            yield data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]


def _sharing(tables: int, entries: int, text: bytes) -> bytes:
    """Return a file with operator codes: entries of the vector share tables, and the tables share a custom name."""
    vtable = struct.pack("<4H", 8, 8, 0, 4)
    head = struct.pack("<I", 16) + b"TFL3" + vtable + struct.pack("<iI", 8, 4)
    first = len(head) + 4 + 4 * entries + len(vtable)
    name = first + 8 * tables
    places = [first + 8 * (index % tables) - len(head) - 4 - 4 * index for index in range(entries)]
    vector = struct.pack(f"<{entries + 1}I", entries, *places)
    written = [struct.pack("<iI", 8 * (index + 1), name - first - 8 * index - 4) for index in range(tables)]
    return head + vector + vtable + b"".join(written) + struct.pack("<I", len(text)) + text
