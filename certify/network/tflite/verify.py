"""Does every offset of a TFLite file stay inside it?

A flatbuffer is tables that point at vtables, strings, vectors and other tables by offsets, and the accessors of the
Python package check none of them: an offset below 0 reads from the file's end, a length of 2^32 is believed. So the
file is walked first along the schema, for the tables and fields that the reader reads, as the C++ library's verifier
does; the tables of options are those that the operators' readers declare. Afterwards every access that
`certify.network.tflite.model` makes is inside the file.

A file may also point at one vector from many places. The bytes of everything that is pointed at are counted, an
object as often as something points at it, and have to fit twice into the file, so the work and memory of reading are
bounded by its size. Alignment is not checked: nothing here depends on it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from certify.errors import InputError
from certify.network.tflite.options import fields_of, table_of

IDENTIFIER = b"TFL3"
MAX_BYTES = 2**26
MAX_TABLES = 2**16
_SHARED = 2
"""How many times over a file may point at its bytes."""

Kind: TypeAlias = Literal["scalar", "string", "vector", "table", "tables", "options", "unread"]


@dataclass(frozen=True)
class Field:
    """One field of a table: bytes of a scalar or of a vector's element, or the table that it points at."""

    name: str
    kind: Kind
    width: int = 4
    table: str = ""


_TABLES: dict[str, tuple[Field, ...]] = {
    "Model": (
        Field("version", "scalar"),
        Field("operator_codes", "tables", table="OperatorCode"),
        Field("subgraphs", "tables", table="SubGraph"),
        Field("description", "string"),
        Field("buffers", "tables", table="Buffer"),
        Field("metadata_buffer", "unread"),
        Field("metadata", "unread"),
        Field("signature_defs", "unread"),
    ),
    "OperatorCode": (
        Field("deprecated_builtin_code", "scalar", 1),
        Field("custom_code", "string"),
        Field("version", "scalar"),
        Field("builtin_code", "scalar"),
    ),
    "SubGraph": (
        Field("tensors", "tables", table="Tensor"),
        Field("inputs", "vector"),
        Field("outputs", "vector"),
        Field("operators", "tables", table="Operator"),
        Field("name", "string"),
        Field("debug_metadata_index", "unread"),
    ),
    "Tensor": (
        Field("shape", "vector"),
        Field("type", "scalar", 1),
        Field("buffer", "scalar"),
        Field("name", "string"),
        Field("quantization", "table", table="QuantizationParameters"),
        Field("is_variable", "scalar", 1),
        Field("sparsity", "table", table="SparsityParameters"),
        Field("shape_signature", "vector"),
        Field("has_rank", "scalar", 1),
        Field("variant_tensors", "vector"),
    ),
    "QuantizationParameters": (
        Field("min", "unread"),
        Field("max", "unread"),
        Field("scale", "vector"),
        Field("zero_point", "vector", 8),
        Field("details_type", "scalar", 1),
        Field("details", "unread"),
        Field("quantized_dimension", "scalar"),
    ),
    "SparsityParameters": (
        Field("traversal_order", "unread"),
        Field("block_map", "unread"),
        Field("dim_metadata", "unread"),
    ),
    "Operator": (
        Field("opcode_index", "scalar"),
        Field("inputs", "vector"),
        Field("outputs", "vector"),
        Field("builtin_options_type", "scalar", 1),
        Field("builtin_options", "options"),
        Field("custom_options", "unread"),
        Field("custom_options_format", "unread"),
        Field("mutating_variable_inputs", "unread"),
        Field("intermediates", "unread"),
        Field("large_custom_options_offset", "unread"),
        Field("large_custom_options_size", "unread"),
        Field("builtin_options_2_type", "unread"),
        Field("builtin_options_2", "unread"),
        Field("debug_metadata_index", "unread"),
    ),
    "Buffer": (
        Field("data", "vector", 1),
        Field("offset", "scalar", 8),
        Field("size", "scalar", 8),
    ),
}
_OPTIONS_TYPE = 3


def verify(data: bytes, options: Iterable[type[Any]] = ()) -> None:
    """Check that everything the reader reads of a TFLite file lies inside it.

    Args:
        data: the file.
        options: the tables of options that are read.

    Raises:
        InputError: something does not, or the file is too large, or has a field that a newer schema added to a table.
    """
    if len(data) > MAX_BYTES:
        raise InputError(f"expected a TFLite file of at most {MAX_BYTES} bytes, found {len(data)}")
    if len(data) < 8 or data[4:8] != IDENTIFIER:
        raise InputError(f"expected a TFLite file, with {IDENTIFIER.decode()} at bytes 4 to 8")
    _Walk(data, options).run()


class _Walk:
    """One walk through a file: what is left of its budgets, and which tables were seen."""

    def __init__(self, data: bytes, options: Iterable[type[Any]]) -> None:
        self._data = data
        self._tables = dict(_TABLES)
        self._options: dict[int, str] = {}
        for kind in options:
            table = table_of(kind)
            self._options[table.number] = table.name
            self._tables[table.name] = tuple(
                Field(name, "vector" if field.vector else "scalar", field.width)
                for name, field in fields_of(kind).items()
            )
        self._bytes_left = _SHARED * len(data)
        self._tables_left = MAX_TABLES
        self._seen: set[tuple[str, int]] = set()

    def run(self) -> None:
        # The schema has no cycles and every table is walked once, so this ends.
        waiting = [("Model", self._target(0, ""), "")]
        while waiting:
            table, position, place = waiting.pop()
            self._tables_left -= 1
            if self._tables_left < 0:
                raise InputError(f"expected at most {MAX_TABLES} tables, found more", place)
            if (table, position) not in self._seen:
                self._seen.add((table, position))
                waiting.extend(self._fields(table, position, place))

    def _fields(self, table: str, position: int, place: str) -> Iterator[tuple[str, int, str]]:
        """Check one table; yield those that it points at."""
        offsets, size = self._vtable(position, place)
        known = self._tables[table]
        for slot, offset in enumerate(offsets):
            if offset == 0:
                continue
            if slot >= len(known):
                raise InputError(f"expected no field that this reader does not know, found field {slot}", place)
            field = known[slot]
            inner = f"{place}.{field.name}" if place else field.name
            if field.kind == "unread":
                continue
            width = field.width if field.kind == "scalar" else 4
            if offset < 4 or offset + width > size:
                raise InputError(f"expected the field inside its table of {size} bytes, found it at {offset}", inner)
            if field.kind == "options":
                chosen = self._options.get(self._options_type(offsets, position))
                if chosen:
                    yield chosen, self._target(position + offset, inner), inner
            elif field.kind != "scalar":
                yield from self._pointed(field, position + offset, inner)

    def _pointed(self, field: Field, at: int, place: str) -> Iterator[tuple[str, int, str]]:
        target = self._target(at, place)
        if field.kind == "table":
            yield field.table, target, place
            return
        length = self._number("<I", target, place)
        self._spend(target + 4, length * (field.width if field.kind == "vector" else _ELEMENT[field.kind]), place)
        if field.kind == "tables":
            if length > self._tables_left:
                raise InputError(f"expected at most {MAX_TABLES} tables, found more", place)
            for index in range(length):
                inner = f"{place}[{index}]"
                yield field.table, self._target(target + 4 + 4 * index, inner), inner

    def _vtable(self, position: int, place: str) -> tuple[tuple[int, ...], int]:
        """Return the offset of each field, 0 for an absent one, and the table's size."""
        vtable = position - self._number("<i", position, place)
        vtable_size = self._number("<H", vtable, place)
        size = self._number("<H", vtable + 2, place)
        if vtable_size < 4 or vtable_size % 2 or size < 4:
            raise InputError(f"expected a table at byte {position}, found sizes {vtable_size} and {size}", place)
        self._inside(vtable, vtable_size, place)
        self._inside(position, size, place)
        return struct.unpack_from(f"<{vtable_size // 2 - 2}H", self._data, vtable + 4), size

    def _options_type(self, offsets: tuple[int, ...], position: int) -> int:
        offset = offsets[_OPTIONS_TYPE]
        return self._data[position + offset] if offset else 0

    def _target(self, at: int, place: str) -> int:
        return at + self._number("<I", at, place)

    def _number(self, form: Literal["<I", "<i", "<H"], at: int, place: str) -> int:
        self._inside(at, struct.calcsize(form), place)
        return int(struct.unpack_from(form, self._data, at)[0])

    def _spend(self, at: int, size: int, place: str) -> None:
        self._inside(at, size, place)
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise InputError("expected a file that points at each of its bytes once, found more than twice", place)

    def _inside(self, at: int, size: int, place: str) -> None:
        if at < 0 or at + size > len(self._data):
            problem = f"expected offsets inside the file's {len(self._data)} bytes, found {size} bytes at {at}"
            raise InputError(problem, place)


_ELEMENT = {"string": 1, "tables": 4}
