"""An ONNX graph while it is put together: nodes in order, and the constants that they read.

Names are numbered in the order in which they are made, so the same network gives the same graph. Large constants are
kept in the narrowest integers that hold them and cast to int64 by a node of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

INT64 = 7
"""ONNX's number of the type (onnx.proto, TensorProto.DataType)."""
_NARROW = (np.int8, np.int16, np.int32)
_LARGE = 256


@dataclass(frozen=True)
class Node:
    """One application of an ONNX operator, with one output.

    Attributes:
        op: the operator's name in the standard domain.
        inputs: names of tensors.
        output: the name of its own.
        attributes: integers, or lists of them.
    """

    op: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Any]


@dataclass(eq=False)
class Graph:
    """What has been put together so far.

    Attributes:
        nodes: in an order in which they can be computed.
        constants: arrays by name, int64 or narrower.
    """

    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)
    _named: dict[tuple[tuple[int, ...], bytes], str] = field(default_factory=dict)
    _prefix: str = ""
    _numbered: int = 0

    def begin(self, prefix: str) -> None:
        """Name what follows after a layer."""
        self._prefix, self._numbered = prefix, 0

    def apply(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Add a node, and return its output's name."""
        output = f"{self._prefix}.{self._numbered}"
        self._numbered += 1
        self.nodes.append(Node(op, inputs, output, attributes))
        return output

    def constant(self, values: ArrayLike) -> str:
        """Return the name of an int64 tensor with these values, the same for the same values."""
        array = np.asarray(values, dtype=np.int64)
        key = array.shape, array.tobytes()
        if key not in self._named:
            self._named[key] = self._new_constant(array)
        return self._named[key]

    def _new_constant(self, array: NDArray[np.int64]) -> str:
        name = f"constant.{len(self.constants)}"
        kind = _narrowest(array) if array.size > _LARGE else np.dtype(np.int64)
        self.constants[name] = array.astype(kind)
        return name if kind == np.int64 else self.apply("Cast", name, to=INT64)

    @property
    def constant_bytes(self) -> int:
        """How many bytes the constants take."""
        return sum(array.nbytes for array in self.constants.values())


def _narrowest(array: NDArray[np.int64]) -> np.dtype[Any]:
    low, high = int(array.min()), int(array.max())
    for kind in _NARROW:
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return np.dtype(kind)
    return np.dtype(np.int64)
