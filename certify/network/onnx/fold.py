"""Operators on constants, and on shapes, which are constants here: what exporters leave in front of a Reshape."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from certify.errors import InputError
from certify.network.onnx.builder import Builder, attribute, axis_of, expect_inputs, present
from certify.network.onnx.model import MAX_RANK, Array, Node
from certify.network.onnx.values import Constant, shape_of

MAX_FOLDED = 2**24
_TYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64, 9: np.bool_, 11: np.float64}
_VALUES = {"value_int": np.int64, "value_ints": np.int64, "value_float": np.float32, "value_floats": np.float32}

Fold = Callable[[Node, list[Array]], Array]


def folds(builder: Builder, node: Node) -> bool:
    """Tell whether a node computes a constant: it is a constant, a shape, or reads constants alone."""
    if node.domain or node.kind not in (*FOLDERS, "Shape", "Constant"):
        return False
    if node.kind in ("Shape", "Constant"):
        return True
    return bool(node.inputs) and all(isinstance(builder.values.get(name), Constant) for name in node.inputs if name)


def fold(builder: Builder, node: Node) -> Constant:
    """Return what a node computes.

    Raises:
        InputError: its operands do not fit, or the result is larger than `MAX_FOLDED`.
    """
    expect_inputs(node, 0 if node.kind == "Constant" else 1, 64)
    if node.kind == "Constant":
        return Constant(_constant(node))
    if node.kind == "Shape":
        shape = shape_of(builder.value(node.inputs[0]))
        start, end = attribute(node, "start", int, 0), attribute(node, "end", int, None)
        return Constant(np.array(shape, dtype=np.int64)[start:end])
    operands = [builder.constant(name).array if name else np.zeros(0) for name in node.inputs]
    try:
        with np.errstate(all="ignore"):
            found = FOLDERS[node.kind](node, operands)
    except (ValueError, IndexError, TypeError, OverflowError, ZeroDivisionError):
        shapes = ", ".join(f"{operand.dtype.name}{list(operand.shape)}" for operand in operands[:6])
        raise InputError(f"expected operands that fit together, found {shapes}") from None
    if found.size > MAX_FOLDED or found.ndim > MAX_RANK:
        raise InputError(
            f"expected at most {MAX_FOLDED} elements in {MAX_RANK} dimensions, found {list(found.shape)}"
        )
    return Constant(found)


def _constant(node: Node) -> Array:
    if len(node.attributes) != 1:
        raise InputError(f"expected one attribute that has the value, found {len(node.attributes)}")
    ((name, value),) = node.attributes.items()
    if name == "value" and isinstance(value, np.ndarray):
        return value
    if name not in _VALUES or isinstance(value, str | np.ndarray):
        raise InputError(f"expected a tensor, whole numbers or floats, found attribute {name[:40]}")
    return np.array(value, dtype=_VALUES[name])


def _gather(node: Node, operands: list[Array]) -> Array:
    values, places = operands
    if places.size * values.size > MAX_FOLDED or places.dtype.kind not in "iu":
        raise InputError(f"expected few whole numbers as indices, found {places.dtype.name}{list(places.shape)}")
    return np.take(values, places, axis=axis_of(attribute(node, "axis", int, 0), values.ndim))


def _concat(node: Node, operands: list[Array]) -> Array:
    if not operands[0].ndim:
        raise InputError("expected vectors, found a scalar")
    return np.concatenate(operands, axis=axis_of(attribute(node, "axis", int, 0), operands[0].ndim))


def _axes(node: Node, operands: list[Array]) -> tuple[int, ...]:
    given = operands[1].reshape(-1).tolist() if len(operands) > 1 else attribute(node, "axes", tuple, ())
    if len(given) > MAX_RANK:
        raise InputError(f"expected at most {MAX_RANK} axes, found {len(given)}")
    return tuple(int(axis) for axis in given)


def _unsqueeze(node: Node, operands: list[Array]) -> Array:
    return np.expand_dims(operands[0], _axes(node, operands))


def _squeeze(node: Node, operands: list[Array]) -> Array:
    return np.squeeze(operands[0], _axes(node, operands) or None)


def _slice(node: Node, operands: list[Array]) -> Array:
    starts, ends = (operands[place].reshape(-1).tolist() for place in (1, 2))
    count = len(starts)
    axes = operands[3].reshape(-1).tolist() if present(node, 3) else range(count)
    strides = operands[4].reshape(-1).tolist() if present(node, 4) else [1] * count
    spans = [slice(None)] * operands[0].ndim
    for start, end, axis, stride in zip(starts, ends, axes, strides, strict=True):
        spans[axis_of(int(axis), operands[0].ndim)] = slice(int(start), int(end), int(stride))
    return operands[0][tuple(spans)]


def _cast(node: Node, operands: list[Array]) -> Array:
    to = attribute(node, "to", int, 0)
    if to not in _TYPES:
        raise InputError(f"expected a cast to one of the types {sorted(_TYPES)}, found {to}")
    return operands[0].astype(_TYPES[to])


def _reshape(node: Node, operands: list[Array]) -> Array:
    values, target = operands
    given = [int(length) for length in target.reshape(-1).tolist()]
    if len(given) > MAX_RANK:
        raise InputError(f"expected at most {MAX_RANK} dimensions, found {len(given)}")
    if not attribute(node, "allowzero", int, 0):
        given = [values.shape[place] if length == 0 else length for place, length in enumerate(given)]
    return values.reshape(given)


def _transpose(node: Node, operands: list[Array]) -> Array:
    return operands[0].transpose(attribute(node, "perm", tuple, None))


def _filled(node: Node, operands: list[Array]) -> Array:
    shape = tuple(int(length) for length in operands[0].reshape(-1).tolist())
    value = attribute(node, "value", np.ndarray, np.zeros(1, dtype=np.float32))
    if len(shape) > MAX_RANK or min(shape, default=0) < 0 or math.prod(shape) > MAX_FOLDED or value.size != 1:
        raise InputError(f"expected a shape of at most {MAX_FOLDED} elements, found {list(shape)[:12]}")
    return np.full(shape, value.reshape(-1)[0])


def _binary(compute: Callable[[Array, Array], Array]) -> Fold:
    def folded(_: Node, operands: list[Array]) -> Array:
        left, right = operands
        shape = np.broadcast_shapes(left.shape, right.shape)
        if math.prod(shape) > MAX_FOLDED or left.dtype != right.dtype or left.dtype.kind not in "iuf":
            raise InputError(f"expected numbers of one type, found {left.dtype.name} and {right.dtype.name}")
        return compute(left, right).astype(left.dtype)

    return folded


def _divide(left: Array, right: Array) -> Array:
    """Divide as ONNX does: whole numbers toward zero."""
    if left.dtype.kind == "f":
        return np.asarray(left / right)
    if (right == 0).any():
        raise InputError("expected divisors other than 0, found 0")
    return np.asarray(np.sign(left) * np.sign(right) * (np.abs(left) // np.abs(right)))


FOLDERS: Mapping[str, Fold] = {
    "Add": _binary(lambda left, right: np.asarray(left + right)),
    "Sub": _binary(lambda left, right: np.asarray(left - right)),
    "Mul": _binary(lambda left, right: np.asarray(left * right)),
    "Div": _binary(_divide),
    "Cast": _cast,
    "Concat": _concat,
    "ConstantOfShape": _filled,
    "Gather": _gather,
    "Identity": lambda _, operands: operands[0],
    "Reshape": _reshape,
    "Slice": _slice,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
