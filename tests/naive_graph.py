"""A second opinion on graphs of operators: plain loops over indices, from the document itself.

A tensor is a dict from an index, such as (row, column, channel), to an integer. Nothing is shared with the model, and
nothing here checks a document.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction

import naive

Tensor = dict[tuple[int, ...], int]
Shape = tuple[int, ...]


def indices(shape: Shape) -> Iterator[tuple[int, ...]]:
    """Every index, row by row."""
    return itertools.product(*map(range, shape))


def shape_of(x: Tensor) -> Shape:
    return tuple(most + 1 for most in max(x))


def flat(x: Tensor) -> list[int]:
    return [x[i] for i in sorted(x)]


def shaped(values: list[int], shape: Shape) -> Tensor:
    return dict(zip(indices(shape), values, strict=True))


def dense(layer: dict, x: Tensor) -> Tensor:
    values = flat(x) + naive.integers(layer.get("constants", []))
    rows = naive.integers(layer["weights"])
    bias = naive.integers(layer.get("bias", [0] * len(rows)))
    return {(o,): sum(w * v for w, v in zip(row, values, strict=True)) + bias[o] for o, row in enumerate(rows)}


class Window:
    """Where a kernel stands, and what it reads there."""

    def __init__(self, layer: dict, plane: Shape) -> None:
        self.plane, self.kernel = plane, layer["kernel"]
        default = [1, 1] if layer["op"] == "conv2d" else self.kernel
        self.stride, self.dilation = layer.get("stride", default), layer.get("dilation", [1, 1])
        self.padding = layer.get("padding", [[0, 0], [0, 0]])

    def positions(self) -> Iterator[tuple[int, int]]:
        lengths = []
        for axis in (0, 1):
            last = self.plane[axis] + sum(self.padding[axis]) - self.dilation[axis] * (self.kernel[axis] - 1)
            lengths.append(len(range(0, last, self.stride[axis])))
        return itertools.product(range(lengths[0]), range(lengths[1]))

    def taps(self, position: tuple[int, int]) -> Iterator[tuple[int, tuple[int, int] | None]]:
        """The number of each tap and where on the plane it reads; None in the padding."""
        for tap, (down, right) in enumerate(itertools.product(range(self.kernel[0]), range(self.kernel[1]))):
            row = position[0] * self.stride[0] + down * self.dilation[0] - self.padding[0][0]
            column = position[1] * self.stride[1] + right * self.dilation[1] - self.padding[1][0]
            inside = 0 <= row < self.plane[0] and 0 <= column < self.plane[1]
            yield tap, (row, column) if inside else None


def conv2d(layer: dict, x: Tensor) -> Tensor:
    rows, columns, channels = shape_of(x)
    window, kernels = Window(layer, (rows, columns)), naive.integers(layer["weights"])
    bias = naive.integers(layer.get("bias", [0] * len(kernels)))
    constants = naive.integers(layer.get("constants", []))
    groups = layer.get("groups", 1)
    width, per_group = channels // groups, len(kernels) // groups
    found = {}
    for position in window.positions():
        for output, kernel in enumerate(kernels):
            last = kernel[len(kernel) - len(constants) :]
            total = bias[output] + sum(w * c for w, c in zip(last, constants, strict=True))
            for tap, place in window.taps(position):
                for channel in range(width) if place else ():
                    value = x[(*place, output // per_group * width + channel)]
                    total += kernel[tap * width + channel] * value
            found[*position, output] = total
    return found


def pool(layer: dict, x: Tensor) -> Tensor:
    rows, columns, channels = shape_of(x)
    window, found = Window(layer, (rows, columns)), {}
    for position in window.positions():
        for channel in range(channels):
            values = [x[(*place, channel)] for _, place in window.taps(position) if place]
            match layer["op"]:
                case "max_pool":
                    found[*position, channel] = max(values)
                case "sum_pool":
                    found[*position, channel] = sum(values)
                case "average_pool":
                    exact = Fraction(sum(values), len(values))
                    found[*position, channel] = naive.ROUND[layer["rounding"]](exact)
    return found


def add(layer: dict, *inputs: Tensor) -> Tensor:
    terms = layer.get("terms", [{}] * len(inputs))
    found = dict.fromkeys(inputs[0], 0)
    for term, x in zip(terms, inputs, strict=True):
        changed = then(term.get("then", []), x)
        for i in found:
            found[i] += term.get("weight", 1) * changed[i]
    return found


def matmul(_: dict, left: Tensor, right: Tensor) -> Tensor:
    (*outer, rows, inner), columns = shape_of(left), shape_of(right)[-1]
    return {
        (*o, n, m): sum(left[(*o, n, k)] * right[(*o, k, m)] for k in range(inner))
        for o in indices(tuple(outer))
        for n in range(rows)
        for m in range(columns)
    }


def softmax(layer: dict, x: Tensor) -> Tensor:
    table, found = naive.integers(layer["table"]), {}
    for index in x:
        line = [x[(*index[:-1], i)] for i in range(shape_of(x)[-1])]
        powers = [table[max(line) - v] if max(line) - v < len(table) else 0 for v in line]
        exact = Fraction(layer["scale"] * powers[index[-1]] * 2 + sum(powers) // 2 * 2, 2 * sum(powers))
        found[index] = math.floor(exact)
    return found


def reshape(layer: dict, x: Tensor) -> Tensor:
    return shaped(flat(x), tuple(layer.get("shape", [len(x)])))


def transpose(layer: dict, x: Tensor) -> Tensor:
    return {tuple(index[axis] for axis in layer["axes"]): value for index, value in x.items()}


def pad(layer: dict, x: Tensor) -> Tensor:
    around = layer["padding"]
    whole = tuple(n + a + b for n, (a, b) in zip(shape_of(x), around, strict=True))
    inner = {index: tuple(i - a for i, (a, _) in zip(index, around, strict=True)) for index in indices(whole)}
    return {index: x.get(place, layer.get("value", 0)) for index, place in inner.items()}


def slice_(layer: dict, x: Tensor) -> Tensor:
    steps = layer.get("step", [1] * len(layer["begin"]))
    kept = [range(*span) for span in zip(layer["begin"], layer["end"], steps, strict=True)]
    return {
        index: x[tuple(r[i] for r, i in zip(kept, index, strict=True))] for index in indices(tuple(map(len, kept)))
    }


def concatenate(layer: dict, *inputs: Tensor) -> Tensor:
    axis, before, found = layer["axis"], 0, {}
    for x in inputs:
        found |= {(*i[:axis], i[axis] + before, *i[axis + 1 :]): value for i, value in x.items()}
        before += shape_of(x)[axis]
    return found


def gather(layer: dict, x: Tensor) -> Tensor:
    values = [*flat(x), 0]
    return shaped([values[i] for i in naive.integers(layer["indices"])], tuple(layer["shape"]))


OPERATORS = {
    "dense": dense,
    "conv2d": conv2d,
    "add": add,
    "matmul": matmul,
    "max_pool": pool,
    "sum_pool": pool,
    "average_pool": pool,
    "softmax": softmax,
    "reshape": reshape,
    "flatten": reshape,
    "transpose": transpose,
    "pad": pad,
    "slice": slice_,
    "concatenate": concatenate,
    "gather": gather,
}


def then(steps: list[dict], x: Tensor) -> Tensor:
    for step in steps:
        x = {index: naive.apply_step(step, value, index[-1]) for index, value in x.items()}
    return x


def accumulators(document: dict, point: list[int] | tuple[int, ...]) -> tuple[list[Tensor], list[Tensor]]:
    """What every layer accumulates, and what it gives."""
    given = shaped(list(point), tuple(document["input"]["shape"]))
    named, sums, found = {"input": given}, [], []
    for index, layer in enumerate(document["layers"]):
        names = layer.get("inputs")
        read = [named[name] for name in names] if names else [found[index - 1] if index else given]
        sums.append(OPERATORS[layer["op"]](layer, *read))
        found.append(then(layer.get("then", []), sums[-1]))
        named[layer.get("name", "")] = found[-1]
    return sums, found


def evaluate(document: dict, point: list[int] | tuple[int, ...]) -> list[int]:
    """The output integers at any point, inside the box or not."""
    return flat(accumulators(document, point)[1][-1])
