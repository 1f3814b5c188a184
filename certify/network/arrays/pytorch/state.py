"""From what a pickle described to arrays: names, and the numbers out of the storages.

Dicts, lists and tuples are walked, the keys joined with dots: `{"state_dict": {"fc1.weight": …}, "epoch": 3}` gives
state_dict.fc1.weight. Other plain values (counters, names of architectures) are passed over. A pickle of 200 bytes
can describe 10^15 values by naming the same list twice in the next, or one that contains itself: steps, depth and the
lengths of names are bounded.

A tensor is a view, and transposed weights are common, so any strides from 0 on are read that stay inside the storage.
A stride of 0 is where `expand` made a large tensor of a small storage; that, and a tensor of more elements than its
storage has, is refused: it would be an array larger than the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from certify.errors import InputError
from certify.network.arrays.elements import Layout, count, read
from certify.network.arrays.file import MAX_ARRAYS, MAX_UNPACKED_BYTES, shorten
from certify.network.arrays.pytorch.symbols import Storage, Symbol, Tensor

MAX_VALUES = 2**20
MAX_DEPTH = 32
MAX_NAME = 1024
_PLAIN = (str, int, float, Symbol, type(None))


def named_tensors(document: Any) -> dict[str, Tensor]:
    """Return the tensors of a pickled dict under their joined keys.

    Raises:
        InputError: it is no dict, holds other things than tensors and plain values, or two tensors have one name.
    """
    if not isinstance(document, dict):
        raise InputError(f"expected a dict of tensors, found {type(document).__name__}")
    walk = _Walk()
    walk.visit("", document, 0)
    return walk.found


class _Walk:
    """Through all values, depth first."""

    def __init__(self) -> None:
        self.found: dict[str, Tensor] = {}
        self.steps = 0

    def visit(self, name: str, value: Any, depth: int) -> None:
        self.steps += 1
        if self.steps > MAX_VALUES or depth > MAX_DEPTH:
            problem = f"expected at most {MAX_VALUES} values, {MAX_DEPTH} deep in each other, found more"
            raise InputError(problem, shorten(name))
        if isinstance(value, Tensor):
            self._add(name, value)
        elif isinstance(value, dict):
            self._visit_all(name, value.items(), depth)
        elif isinstance(value, list | tuple):
            self._visit_all(name, enumerate(value), depth)
        elif not isinstance(value, _PLAIN):
            raise InputError(f"expected tensors and plain values only, found {type(value).__name__}", shorten(name))

    def _visit_all(self, name: str, items: Iterable[tuple[str | int, Any]], depth: int) -> None:
        for key, value in items:
            text = str(key)
            if len(name) + len(text) >= MAX_NAME:
                raise InputError(f"expected names of less than {MAX_NAME} letters, found a longer one", shorten(name))
            self.visit(f"{name}.{text}" if depth else text, value, depth + 1)

    def _add(self, name: str, tensor: Tensor) -> None:
        if name in self.found:
            raise InputError("expected every tensor's name once, found it twice", shorten(name))
        if len(self.found) == MAX_ARRAYS:
            raise InputError(f"expected at most {MAX_ARRAYS} tensors, found more")
        self.found[name] = tensor


def storages(tensors: Mapping[str, Tensor]) -> dict[str, Storage]:
    """Return the storages that the tensors lie in, by key.

    Raises:
        InputError: two tensors say different things of one storage.
    """
    found: dict[str, Storage] = {}
    for name, tensor in tensors.items():
        if found.setdefault(tensor.storage.key, tensor.storage) != tensor.storage:
            raise InputError("expected a storage as another tensor has it, found another size or type", shorten(name))
    return found


def arrays(
    tensors: Mapping[str, Tensor], data: Mapping[str, bytes | memoryview], *, big_endian: bool
) -> dict[str, NDArray[Any]]:
    """Return each tensor as an array of its own.

    Args:
        tensors: by name.
        data: the bytes of each storage, by its key.
        big_endian: whether the highest byte of a number comes first in them.

    Raises:
        InputError: a tensor that is not inside its storage, or larger; all of them together too large.
    """
    _check_total(tensors)
    return {
        name: read(_layout(name, tensor, big_endian=big_endian), data[tensor.storage.key], shorten(name))
        for name, tensor in tensors.items()
    }


def _check_total(tensors: Mapping[str, Tensor]) -> None:
    total = sum(count(tensor.shape, shorten(name)) * tensor.element.size for name, tensor in tensors.items())
    if total > MAX_UNPACKED_BYTES:
        raise InputError(f"expected tensors of at most {MAX_UNPACKED_BYTES} bytes together, found {total}")


def _layout(name: str, tensor: Tensor, *, big_endian: bool) -> Layout:
    place, size, held = shorten(name), count(tensor.shape, name), tensor.storage.bytes // tensor.element.size
    if size and any(step == 0 and length > 1 for length, step in zip(tensor.shape, tensor.strides, strict=True)):
        raise InputError("expected strides above 0, found a stride of 0: an expanded tensor", place)
    if size > held:
        raise InputError(f"expected at most the {held} elements of its storage, found {size}", place)
    if big_endian and tensor.storage.element is None and tensor.element.size > 1:
        raise InputError("expected bytes in little-endian order in a storage without a type, found big-endian", place)
    return Layout(tensor.element, tensor.shape, tensor.strides, tensor.offset, big_endian)
