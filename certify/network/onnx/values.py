"""What a tensor of a model is while the model is read.

Every tensor that is not constant stands on integers that a layer of the network holds. A quantized tensor holds q,
the layer x = q - center, where the center is its zero point if all is usual. What the file does to a dequantized
tensor in real numbers is only remembered, with its exact factors, until the next quantizer says which integers come
out of it.

The network's tensors have no batch dimension and images have their channels last, the file's have a batch of one and
channels first. A `View` says which dimension is where; only what needs another order moves anything, so transposes
that undo each other never come to be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal, TypeAlias

import numpy as np

from certify.errors import InputError
from certify.network.matrix import Int64Array
from certify.network.onnx.model import Array
from certify.network.operators.operator import Shape
from certify.network.operators.window import Window

Order: TypeAlias = tuple[int, ...]
UNIT = -1
"""In an order: a dimension of the layer, of length 1, that the file's tensor does not have."""
INTEGER_TYPES = {"INT8": (-128, 127), "UINT8": (0, 255), "INT32": (-(2**31), 2**31 - 1)}


@dataclass(frozen=True)
class View:
    """A tensor of the file as a layer holds it.

    Attributes:
        layer: its index, `INPUT` for the network's input.
        shape: in the file, batch included.
        order: for each dimension of the layer the dimension of the file, or `UNIT`; dimensions of length 1 may be
            missing.
    """

    layer: int
    shape: Shape
    order: Order

    @property
    def stored(self) -> Shape:
        """The shape that the layer has."""
        return tuple(1 if place == UNIT else self.shape[place] for place in self.order)

    @property
    def natural(self) -> Order:
        """The dimensions in the file's order, without the batch."""
        batched = len(self.shape) > 1 and self.shape[0] == 1
        return tuple(range(1 if batched else 0, len(self.shape)))

    def permuted(self, axes: Sequence[int]) -> View:
        """Return the tensor whose dimension i is this one's axes[i]; nothing moves."""
        order = tuple(place if place == UNIT else axes.index(place) for place in self.order)
        return View(self.layer, tuple(self.shape[axis] for axis in axes), order)


@dataclass(frozen=True)
class Start:
    """The model's float input, which nothing has quantized yet."""

    shape: Shape


@dataclass(frozen=True, eq=False)
class Constant:
    """Numbers that the file gives."""

    array: Array


@dataclass(frozen=True, eq=False)
class Grid:
    """Constant real numbers on a grid: integers · scale.

    Attributes:
        integers: int64[shape], zero points taken off.
        scales: float32, as many dimensions as the integers, and broadcasts with them.
        bits: every integer is within ±2^bits.
        zero_point: that was taken off, where it is one for all.
    """

    integers: Int64Array
    scales: Array
    bits: int
    zero_point: int = 0


@dataclass(frozen=True)
class Integers:
    """A quantized tensor: q = x + center, for the layer's integer x.

    Attributes:
        view: where x is.
        center: see above.
        dtype: ONNX's name of the type of q.
    """

    view: View
    center: int
    dtype: str


@dataclass(frozen=True)
class Affine:
    """x · factor + offset in real numbers, one of each or one per channel."""

    factors: tuple[Fraction, ...]
    offsets: tuple[Fraction, ...]


@dataclass(frozen=True)
class Between:
    """min(max(x, low), high) in real numbers; None for no bound."""

    low: Fraction | None
    high: Fraction | None


@dataclass(frozen=True)
class Function:
    """A function of one real number that single precision evaluates: ONNX's name, and LeakyRelu's slope."""

    kind: Literal["Sigmoid", "Tanh", "LeakyRelu"]
    slope: float = 0.0


Pending: TypeAlias = Affine | Between | Function


@dataclass(frozen=True)
class Real:
    """A tensor of real numbers: pending(scale · x) of a layer's integers x.

    Attributes:
        view: where x is.
        scales: one for all, or one for each channel.
        lows, highs: bounds of x, one for all or one for each channel.
        pending: in order.
        channel: the file's dimension of the channels, where something has one for each.
        factors: the floats whose single precision product the scales are, one of them or two; the second may be one
            for each channel. Empty where the scale is no float.
        raw: whether x is an accumulation that waits for its steps; else it is a quantized tensor of at most 8 bits.
        divisor: of a sum whose mean is meant, 1 for anything else; single precision divides the scale by it.
    """

    view: View
    scales: tuple[Fraction, ...]
    lows: tuple[int, ...]
    highs: tuple[int, ...]
    pending: tuple[Pending, ...] = ()
    channel: int | None = None
    factors: tuple[Array, ...] = ()
    raw: bool = False
    divisor: int = 1

    def then(self, more: Pending) -> Real:
        """Return the tensor after one more function."""
        return replace(self, pending=(*self.pending, more))

    @property
    def scale(self) -> np.float32:
        """The scale of a quantized tensor.

        Raises:
            InputError: no float holds it.
        """
        if not self.factors:
            problem = "expected an input that nothing quantizes where an input grid is given, found QuantizeLinear"
            raise InputError(problem)
        return np.float32(self.factors[0].item())


@dataclass(frozen=True)
class Added:
    """The sum of two tensors, not yet made: how depends on the quantizer that follows."""

    left: Real
    right: Real
    pending: tuple[Between, ...] = ()


@dataclass(frozen=True, eq=False)
class Shifted:
    """The sum of a quantized tensor and a quantized vector along its last dimension, not yet made.

    Attributes:
        source: the tensor.
        addend: the vector, with one scale.
        first: whether the vector is the sum's first operand: single precision tells.
        pending: in order.
    """

    source: Real
    addend: Grid
    first: bool
    pending: tuple[Between, ...] = ()


@dataclass(frozen=True)
class Joined:
    """Tensors one after the other, not yet on one scale."""

    parts: tuple[Real, ...]
    axis: int
    pending: tuple[Between, ...] = ()


@dataclass(frozen=True)
class Mean:
    """The means of windows without padding, not yet made.

    Attributes:
        source: a quantized tensor.
        window: where the means are taken.
        shape: of the result in the file.
    """

    source: Real
    window: Window
    shape: Shape


@dataclass(frozen=True)
class Soft:
    """The softmax of a quantized tensor along one dimension, not yet made."""

    source: Real
    axis: int


Value: TypeAlias = Start | Constant | Grid | Integers | Real | Added | Shifted | Joined | Mean | Soft


def shape_of(value: Value) -> Shape:
    """Return the shape in the file."""
    match value:
        case Constant():
            return value.array.shape
        case Grid():
            return value.integers.shape
        case Integers() | Real():
            return value.view.shape
        case Added():
            return value.left.view.shape
        case Soft() | Shifted():
            return value.source.view.shape
        case Start() | Mean():
            return value.shape
    first = [part.view.shape for part in value.parts]
    length = sum(shape[value.axis] for shape in first)
    return (*first[0][: value.axis], length, *first[0][value.axis + 1 :])


def common_order(left: View, right: View) -> Order:
    """Return an order in which both of two tensors of one shape can stand, the first as it does if possible."""
    return left.order if sorted(left.order) == sorted(right.order) else left.natural


def exact(values: Sequence[float] | Array) -> tuple[Fraction, ...]:
    """Return floats as the fractions that they are.

    Raises:
        InputError: one is not finite.
    """
    found = np.asarray(values, dtype=np.float64).reshape(-1)
    if not np.isfinite(found).all():
        raise InputError(f"expected numbers of finite size, found {found[~np.isfinite(found)][0]}")
    return tuple(Fraction(value) for value in found.tolist())


def one_each(values: Array, shape: Shape, what: str) -> tuple[Array, int | None]:
    """Return what a constant that broadcasts to a shape holds for each channel, and the dimension of the channels.

    Returns:
        array[1] and None, or array[channels] and a dimension of the shape.

    Raises:
        InputError: it does not broadcast, or varies along more than one dimension.
    """
    if values.size == 1:
        return values.reshape(1), None
    aligned = (1,) * (len(shape) - values.ndim) + values.shape
    varying = [place for place, length in enumerate(aligned) if length != 1]
    fits = len(aligned) == len(shape) and all(shape[place] == aligned[place] for place in varying)
    if not fits or len(varying) != 1 or math.prod(aligned) != values.size:
        problem = f"expected {what} of one number or one for each channel of {list(shape)}"
        raise InputError(f"{problem}, found the shape {list(values.shape)}")
    return values.reshape(-1), varying[0]
