"""Windows on planes as TFLite writes them: sizes, strides and dilations, and a padding that is VALID or SAME."""

from __future__ import annotations

from certify.errors import InputError
from certify.network.operators.window import Both, Window
from certify.network.tflite.call import Value
from certify.network.tflite.graph import elements
from certify.network.tflite.model import Tensor
from certify.network.tflite.operands import expect_shape

MAX_TAPS_TIMES_ELEMENTS = 2**30


def plane_of(value: Value) -> tuple[int, int, int]:
    """Return rows, columns and channels of a tensor.

    Raises:
        InputError: it is no batch of one of them.
    """
    shape = value.tensor.shape
    if len(shape) != 4 or shape[0] != 1:
        raise InputError(f"expected the shape [1, rows, columns, channels], found {list(shape)}", value.tensor.shown)
    return shape[1], shape[2], shape[3]


def window(plane: tuple[int, int, int], size: Both, stride: Both, dilation: Both, padding: str) -> Window:
    """Return where the kernel stands.

    Raises:
        InputError: it stands nowhere, or reaches further than is read; no place.
    """
    for what, pair in (("kernel size", size), ("stride", stride), ("dilation", dilation)):
        if min(pair) < 1:
            raise InputError(f"expected a {what} of at least 1, found {list(pair)}")
    if padding not in ("SAME", "VALID"):
        raise InputError(f"expected the padding SAME or VALID, found {padding}")
    around = [
        _same(*one) if padding == "SAME" else (0, 0) for one in zip(plane[:2], size, stride, dilation, strict=True)
    ]
    found = Window(size, stride, dilation, (around[0], around[1]))
    elements((plane[0] + sum(around[0]), plane[1] + sum(around[1]), plane[2]))
    rows, columns = found.positions(plane[:2])
    if rows * columns * plane[2] * found.taps > MAX_TAPS_TIMES_ELEMENTS:
        raise InputError(f"expected at most {MAX_TAPS_TIMES_ELEMENTS} reads of elements, found more")
    return found


def _same(length: int, size: int, stride: int, dilation: int) -> Both:
    """Return how much padding comes before and after, so that there is a position for every stride."""
    reach = dilation * (size - 1) + 1
    total = max(0, ((length - 1) // stride) * stride + reach - length)
    return total // 2, total - total // 2


def expect_plane(target: Tensor, found: Window, plane: tuple[int, int, int], channels: int) -> tuple[int, int, int]:
    """Return the shape that an operator with this window gives.

    Raises:
        InputError: the tensor that it writes has another.
    """
    rows, columns = found.positions(plane[:2])
    expect_shape(target, (1, rows, columns, channels))
    return rows, columns, channels
