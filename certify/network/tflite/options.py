"""An operator's options: which fields a table of the schema has, and what they say.

An operator's file declares its options as a dataclass whose fields are the table's, in the schema's order. From that
`verify` knows what to check before anything is read, and `model` how to read it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

T = TypeVar("T")
MAX_RANK = 8


@dataclass(frozen=True)
class OptionsTable:
    """Which table of the schema a dataclass stands for: its number in the union of options, and its name."""

    number: int
    name: str


@dataclass(frozen=True)
class OptionsField:
    """One field: its bytes, whether it is a vector of int32, and the enumeration that its numbers are names of."""

    width: int
    vector: bool = False
    names: str = ""


def table(number: int, name: str) -> Callable[[type[T]], type[T]]:
    """Declare a dataclass to be a table of options of the schema."""

    def declare(options: type[T]) -> type[T]:
        options.table = OptionsTable(number, name)  # type: ignore[attr-defined]
        return options

    return declare


def scalar(width: int, default: Any, names: str = "") -> Any:
    """Return a field of `width` bytes, with the schema's default, or what the default is the name of."""
    return field(default=default, metadata={"stored": OptionsField(width, names=names)})


def vector() -> Any:
    """Return a field that is a vector of at most `MAX_RANK` int32, None where it is absent."""
    return field(default=None, metadata={"stored": OptionsField(4, vector=True)})


def table_of(options: type[Any]) -> OptionsTable:
    """Return the table that a dataclass was declared to be."""
    found = options.table
    assert isinstance(found, OptionsTable)
    return found


def fields_of(options: type[Any]) -> dict[str, OptionsField]:
    """Return the fields of a table by name, in the schema's order."""
    return {own.name: own.metadata["stored"] for own in fields(options)}


@table(32, "StridedSliceOptions")
@dataclass(frozen=True)
class SliceOptions:
    """Options of STRIDED_SLICE: bit i of a mask is about axis i."""

    begin_mask: int = scalar(4, 0)
    end_mask: int = scalar(4, 0)
    ellipsis_mask: int = scalar(4, 0)
    new_axis_mask: int = scalar(4, 0)
    shrink_axis_mask: int = scalar(4, 0)
    offset: bool = scalar(1, False)


@table(59, "PackOptions")
@dataclass(frozen=True)
class PackOptions:
    """Options of PACK."""

    values_count: int = scalar(4, 0)
    axis: int = scalar(4, 0)
