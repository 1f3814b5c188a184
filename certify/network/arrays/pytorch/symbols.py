"""What a pickle of tensors may name, and what calling it gives: descriptions, never the thing itself.

A pickle names functions and classes of the program that reads it, and says what to call them with. Here a name is
looked up in the tables below and nowhere else; there is no import and no attribute access behind it. What is called
is one of the functions in `CALLS`, which only check their arguments and put them into a frozen value. Whether a
tensor is inside its storage is checked later, in `state` and `elements`.

The signatures are those of `torch/_utils.py` (2.13), the storage types those of `torch/storage.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from certify.errors import InputError
from certify.network.arrays.elements import ELEMENTS, Element, Shape
from certify.network.arrays.file import shorten
from certify.network.tensors import MAX_DIMENSIONS


@dataclass(frozen=True)
class Symbol:
    """A name that is allowed, such as torch.FloatStorage."""

    name: str


@dataclass(frozen=True)
class Storage:
    """A run of bytes that tensors lie in.

    Attributes:
        key: by which the container has it.
        element: what it is made of; None for one that says only its bytes.
        size: in elements, or in bytes where those are unknown.
    """

    key: str
    element: Element | None
    size: int

    @property
    def bytes(self) -> int:
        """How many bytes it has to have."""
        return self.size * (self.element.size if self.element else 1)


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; offset and strides in elements."""

    storage: Storage
    element: Element
    offset: int
    shape: Shape
    strides: Shape


class OrderedDict(dict[Any, Any]):
    """A dict that may have attributes; they are dropped, for `_metadata` of a state dict is all there is."""


ORDERED_DICT = "collections.OrderedDict"
_STORAGES: Mapping[str, Element | None] = {
    "torch.BoolStorage": ELEMENTS["bool"],
    "torch.CharStorage": ELEMENTS["int8"],
    "torch.ShortStorage": ELEMENTS["int16"],
    "torch.IntStorage": ELEMENTS["int32"],
    "torch.LongStorage": ELEMENTS["int64"],
    "torch.ByteStorage": ELEMENTS["uint8"],
    "torch.HalfStorage": ELEMENTS["float16"],
    "torch.BFloat16Storage": ELEMENTS["bfloat16"],
    "torch.FloatStorage": ELEMENTS["float32"],
    "torch.DoubleStorage": ELEMENTS["float64"],
    "torch.storage.UntypedStorage": None,
}
_DTYPES = {f"torch.{name}": element for name, element in ELEMENTS.items()}


def symbol(name: str, place: str) -> Symbol:
    """Return what a pickle names.

    Raises:
        InputError: anything but tensors, their storages and dtypes, and ordered dicts.
    """
    if name not in CALLS and name not in _STORAGES and name not in _DTYPES:
        raise InputError(f"expected tensors and plain values only, as in a state_dict, found {shorten(name)}", place)
    return Symbol(name)


def call(function: Any, arguments: Any, place: str) -> Any:
    """Return what calling a symbol would describe.

    Raises:
        InputError: it is nothing to call, or is called otherwise than `torch.save` has it.
    """
    if not isinstance(function, Symbol) or function.name not in CALLS:
        found = function.name if isinstance(function, Symbol) else type(function).__name__
        raise InputError(f"expected tensors and plain values only, found a call of {found}", place)
    if not isinstance(arguments, tuple):
        raise InputError(f"expected arguments of {function.name}, found {type(arguments).__name__}", place)
    return CALLS[function.name](arguments, place)


def storage(identity: Any, place: str) -> Storage:
    """Return the storage of a persistent id: ("storage", type, key, device, size), in legacy files with a last None.

    Raises:
        InputError: any other id, or a storage of numbers that are not read.
    """
    match identity:
        case ("storage", Symbol(name), str(key), str(), size, *view) if name in _STORAGES:
            _check_natural("a size", (size,), place)
            if view not in ([], [None]):
                raise InputError("expected a storage of its own, found a view of another", place)
            return Storage(key, _STORAGES[name], size)
    raise InputError("expected the persistent id of a storage, found another", place)


def _ordered_dict(arguments: tuple[Any, ...], place: str) -> OrderedDict:
    if arguments:
        raise InputError(f"expected an {ORDERED_DICT} without arguments, found {len(arguments)}", place)
    return OrderedDict()


def _rebuild_parameter(arguments: tuple[Any, ...], place: str) -> Tensor:
    match arguments:
        case (Tensor() as tensor, bool(), OrderedDict() as hooks) if not hooks:
            return tensor
    raise InputError("expected a tensor, a bool and no hooks as a parameter, found something else", place)


def _rebuild_tensor_v2(arguments: tuple[Any, ...], place: str) -> Tensor:
    tensor, rest = _tensor(arguments, place)
    _check_no_flags(rest, place)
    if tensor.storage.element is None:
        raise InputError("expected a tensor with a dtype, found one in a storage of bytes", place)
    return tensor


def _rebuild_tensor_v3(arguments: tuple[Any, ...], place: str) -> Tensor:
    tensor, rest = _tensor(arguments, place)
    dtype = rest[0] if rest else None
    if not isinstance(dtype, Symbol) or dtype.name not in _DTYPES or tensor.storage.element is not None:
        raise InputError("expected a dtype and a storage of bytes for a tensor, found others", place)
    _check_no_flags(rest[1:], place)
    return Tensor(tensor.storage, _DTYPES[dtype.name], tensor.offset, tensor.shape, tensor.strides)


def _tensor(arguments: tuple[Any, ...], place: str) -> tuple[Tensor, tuple[Any, ...]]:
    """Return the tensor that the first six arguments describe, and the rest of them."""
    match arguments:
        case (Storage() as source, offset, tuple(shape), tuple(strides), bool(), OrderedDict() as hooks, *rest):
            if len(shape) > MAX_DIMENSIONS or len(shape) != len(strides):
                raise InputError(
                    f"expected as many strides as lengths, at most {MAX_DIMENSIONS}, found others", place
                )
            for name, numbers in (("an offset", (offset,)), ("a shape", shape), ("strides", strides)):
                _check_natural(name, numbers, place)
            if hooks:
                raise InputError("expected a tensor without hooks, found some", place)
            return Tensor(source, source.element or ELEMENTS["uint8"], offset, shape, strides), tuple(rest)
    raise InputError("expected storage, offset, shape and strides of a tensor, found something else", place)


def _check_natural(name: str, numbers: tuple[Any, ...], place: str) -> None:
    for number in numbers:
        if type(number) is not int or number < 0:
            found = shorten(str(number)) if isinstance(number, int) else type(number).__name__
            raise InputError(f"expected {name} of integers from 0, found {found}", place)


def _check_no_flags(metadata: tuple[Any, ...], place: str) -> None:
    """Check that the values are as stored: a flag would have them negated or conjugated."""
    if metadata not in ((), (None,), ({},)):
        raise InputError("expected a tensor as it is stored, found one with flags such as neg or conj", place)


CALLS: Mapping[str, Callable[[tuple[Any, ...], str], Any]] = MappingProxyType(
    {
        ORDERED_DICT: _ordered_dict,
        "torch._utils._rebuild_tensor_v2": _rebuild_tensor_v2,
        "torch._utils._rebuild_tensor_v3": _rebuild_tensor_v3,
        "torch._utils._rebuild_parameter": _rebuild_parameter,
    }
)
"""What may be called, and what it gives."""
