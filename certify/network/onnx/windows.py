"""Where ONNX's convolutions and pools stand: kernel_shape, strides, dilations, pads and auto_pad."""

from __future__ import annotations

from typing import Any

from certify.errors import InputError
from certify.network.onnx.model import Node
from certify.network.operators.operator import Shape
from certify.network.operators.window import Both, Window

MAX_LENGTH = 2**12
TO_FIRST, TO_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
"""How onnxruntime's operators with channels last stand beside the others."""


def expect_rank(shape: Shape) -> None:
    """Check that a tensor has the four dimensions of a batch of images.

    Raises:
        InputError: it has others.
    """
    if len(shape) != 4:
        raise InputError(f"expected an input of 4 dimensions, found {list(shape)}")


def expect_image(shape: Shape) -> Shape:
    """Check that a tensor is one image, [1, channels, rows, columns], and return its shape.

    Raises:
        InputError: it is something else.
    """
    if len(shape) != 4 or shape[0] != 1:
        raise InputError(f"expected an input of [1, channels, rows, columns], found {list(shape)}")
    return shape


def read_window(node: Node, size: Both | None, plane: Shape) -> Window:
    """Return a node's window.

    Args:
        node: the operator.
        size: of the kernel where weights say it.
        plane: rows and columns of the input.

    Raises:
        InputError: numbers that no window has, or options that are not read.
    """
    if node.attributes.get("ceil_mode"):
        raise InputError("expected no attribute ceil_mode, found it set")
    found = _numbers(node, "kernel_shape", 2, size)
    if found is None or (size is not None and found != size):
        raise InputError(f"expected kernel_shape {list(size) if size else 'of two numbers'}, found {found}")
    stride = _numbers(node, "strides", 2, (1, 1))
    dilation = _numbers(node, "dilations", 2, (1, 1))
    assert stride is not None
    assert dilation is not None
    if min(*found, *stride, *dilation) < 1:
        raise InputError(f"expected a window of at least 1 by 1, found {found} by {stride}, dilated by {dilation}")
    window = Window((found[0], found[1]), (stride[0], stride[1]), (dilation[0], dilation[1]))
    top, left, bottom, right = _pads(node, window, plane)
    return Window(window.size, window.stride, window.dilation, ((top, bottom), (left, right)))


def _numbers(node: Node, name: str, count: int, default: tuple[int, ...] | None) -> tuple[int, ...] | None:
    found: Any = node.attributes.get(name, default)
    if found is None or found is default:
        return default
    if not isinstance(found, tuple) or len(found) != count or not all(isinstance(n, int) for n in found):
        raise InputError(f"expected {count} whole numbers as {name}, found {str(found)[:40]}")
    if not all(0 <= number <= MAX_LENGTH for number in found):
        raise InputError(f"expected {name} from 0 to {MAX_LENGTH}, found {list(found)}")
    numbers: tuple[int, ...] = found
    return numbers


def _pads(node: Node, window: Window, plane: Shape) -> tuple[int, ...]:
    auto = node.attributes.get("auto_pad", "NOTSET") or "NOTSET"
    found = _numbers(node, "pads", 4, (0, 0, 0, 0))
    assert found is not None
    if auto in ("NOTSET", "VALID"):
        return found if auto == "NOTSET" else (0, 0, 0, 0)
    if "pads" in node.attributes:
        raise InputError("expected auto_pad or pads, found both")
    if auto not in ("SAME_UPPER", "SAME_LOWER"):
        raise InputError(f"expected auto_pad NOTSET, VALID, SAME_UPPER or SAME_LOWER, found {str(auto)[:40]}")
    before, after = [], []
    for length, size, stride, dilation in zip(plane, window.size, window.stride, window.dilation, strict=True):
        needed = max((-(-length // stride) - 1) * stride + dilation * (size - 1) + 1 - length, 0)
        less, more = needed // 2, needed - needed // 2
        before.append(less if auto == "SAME_UPPER" else more)
        after.append(more if auto == "SAME_UPPER" else less)
    return (*before, *after)
