"""The table of an experiment: a text that says what it is of, and a group of lines for every point.

    # certify experiment failure, size published, seed 0, version 0.1.0
    point,items,failed,trials
    k=8 uniform,10,4711,1000000

While it grows there is an empty line after every group. A run that was killed may have left half a group or half a
line; what no empty line follows is not there. A finished table has none, and its points are in their order.

Nothing here knows files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from typing import Any, TypeAlias

from certify.errors import InputError

Value: TypeAlias = int | float | str
Row: TypeAlias = Mapping[str, Value]
"""A line by column; `point` is the key. Text that reads as a number is one."""

_RESERVED = frozenset(',"\r\n')


@dataclass(frozen=True)
class Point:
    """An independent piece of work.

    Attributes:
        key: in words, no two points of an experiment alike; without commas, quotes and line ends.
        value: what the experiment needs to know to do it; can be pickled.
        seconds: about how long it takes on one core.
    """

    key: str
    value: Any = None
    seconds: float = 1.0

    def __post_init__(self) -> None:
        assert self.key
        assert not _RESERVED & set(self.key)


@dataclass(frozen=True)
class Heading:
    """What a table is of.

    Attributes:
        experiment, size: names.
        seed: 0 or more.
        version: of this program.
        columns: after the point's key.
    """

    experiment: str
    size: str
    seed: int
    version: str
    columns: tuple[str, ...]

    def text(self) -> str:
        """Return a table's first two lines."""
        return f"{self._title()}\n{','.join(('point', *self.columns))}\n"

    def _title(self) -> str:
        return f"# certify experiment {self.experiment}, size {self.size}, seed {self.seed}, version {self.version}"

    def check(self, text: str) -> None:
        """Check that a table begins like this one.

        Raises:
            InputError: it is of something else, and what is measured now may not be mixed with it.
        """
        if not text.startswith(self.text()):
            found = text.partition("\n")[0][:120]
            raise InputError(f"expected the table {self._title()!r}, found {found!r}: choose another folder with -o")


def group(key: str, rows: Iterable[Sequence[Value]], columns: Sequence[str]) -> str:
    """Return the lines of a point."""
    lines = []
    for row in rows:
        assert len(row) == len(columns), f"{key}: expected {columns}, found {row}"
        lines.append(",".join([key, *map(_cell, row)]) + "\n")
    assert lines, f"{key}: no rows"
    return "".join(lines)


def _cell(value: Value) -> str:
    # numpy's numbers are written as Python's.
    if isinstance(value, str):
        assert not _RESERVED & set(value), value
        return value
    return repr(float(value)) if isinstance(value, float) else str(int(value))


def groups(text: str, heading: Heading, keys: Sequence[str]) -> list[str]:
    """Return the whole groups of a growing table: those of the first so many points.

    Raises:
        InputError: it is another table, or has other points.
    """
    if heading.text().startswith(text):
        return []
    heading.check(text)
    *whole, _ = text[len(heading.text()) :].split("\n\n")
    found = [part + "\n" for part in whole]
    for part, key in zip(found, keys, strict=False):
        _check_key(part, key, heading)
    if len(found) > len(keys):
        raise InputError(f"expected {len(keys)} points, found {len(found)}: remove the file")
    return found


def _check_key(part: str, key: str, heading: Heading) -> None:
    for line in part.splitlines():
        found, *values = line.split(",")
        if found != key or len(values) != len(heading.columns):
            raise InputError(f"expected the point {key!r}, found {line[:80]!r}: remove the file")


def rows_of(text: str, heading: Heading) -> list[dict[str, Value]]:
    """Return the rows of a finished table.

    Raises:
        InputError: it is another table, or not a whole one.
    """
    heading.check(text)
    names = ("point", *heading.columns)
    rows: list[dict[str, Value]] = []
    for line in text[len(heading.text()) :].splitlines():
        cells = line.split(",")
        if len(cells) != len(names):
            raise InputError(f"expected {len(names)} columns, found {line[:80]!r}: remove the file")
        rows.append(dict(zip(names, [cells[0], *map(_value, cells[1:])], strict=True)))
    return rows


def check_points(rows: Sequence[Row], keys: Sequence[str]) -> None:
    """Check that a finished table has all points, in their order, and no others.

    Raises:
        InputError: it has not.
    """
    found = [point for point, _ in groupby(str(row["point"]) for row in rows)]
    if found != list(keys):
        missing = next((key for key, there in zip_longest(keys, found) if key != there), None)
        said = f"expected the point {missing!r} in its place" if missing else f"expected {len(keys)} points"
        raise InputError(f"{said}, found {len(found)} points: remove the file")


def _value(cell: str) -> Value:
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell
