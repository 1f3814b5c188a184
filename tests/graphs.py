"""Hypothesis strategies for graphs of operators in `certify.network/1`: small, with branches and residuals.

`graphs()` draws a document that the reader accepts, of any operators and steps. Its layers read the one before or any
earlier one; some are read by nobody.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

from hypothesis import strategies as st
from strategies import ALL_OPS, ROUNDINGS, either_form, intervals, step_lists

Shape = tuple[int, ...]
LINEAR = ("dense", "conv2d")
PLANE = ("conv2d", "max_pool", "sum_pool", "average_pool")
MOVING = ("reshape", "flatten", "transpose", "pad", "slice", "concatenate", "gather")
OPERATORS = (*LINEAR, "add", "matmul", *PLANE[1:], "softmax", *MOVING)
MOST_ELEMENTS = 64


class Graph:
    """A document that grows, and what is known of its layers."""

    def __init__(self, box: dict[str, Any], ops: tuple[str, ...], encoded: bool) -> None:
        self.ops, self.encoded = ops, encoded
        self.layers: list[dict[str, Any]] = []
        self.shapes: list[Shape] = [tuple(box["shape"])]
        self.bits: list[int] = [box["precision_bits"]]

    def name(self, source: int) -> str:
        """The name of a tensor, 0 for the input, by which later layers read it."""
        if not source:
            return "input"
        return self.layers[source - 1].setdefault("name", f"l{source - 1}")

    def reads(self, *sources: int, always: bool = False) -> dict[str, Any]:
        """The `inputs` of the next layer."""
        needless = sources == (len(self.layers),) and not always
        return {} if needless else {"inputs": [self.name(source) for source in sources]}

    def add(self, layer: dict[str, Any], shape: Shape, bits: int) -> None:
        self.layers.append(layer)
        self.shapes.append(shape)
        self.bits.append(bits_after(bits, layer.get("then", [])))


def bits_after(bits: int, steps: list[dict[str, Any]]) -> int:
    """The precision bits of what steps leave."""
    for step in steps:
        if step["op"] in {"step", "sign"}:
            bits = 0
        elif "multiplier" in step or step["op"] in {"thresholds", "table"}:
            bits = step.get("precision_bits", 0)
        else:
            bits += step.get("negative_shift", 0) - step.get("shift", 0)
    return bits


def divisors(n: int) -> list[int]:
    return [d for d in range(1, n + 1) if n % d == 0]


@st.composite
def kernels(draw: st.DrawFn, graph: Graph, outputs: int, width: int, bits: int) -> dict[str, Any]:
    """Weights, and perhaps biases and constants."""
    constants = draw(st.lists(st.integers(-9, 9), max_size=2))
    weight = st.integers(-(2**bits), 2**bits) | st.sampled_from([0, 2**bits])
    row = st.lists(weight, min_size=width + len(constants), max_size=width + len(constants))
    rows = draw(st.lists(row, min_size=outputs, max_size=outputs))
    fields = {"precision_bits": bits, "weights": draw(either_form(rows, encoded=graph.encoded))}
    if draw(st.booleans()):
        bias = draw(st.lists(st.integers(-40, 40), min_size=outputs, max_size=outputs))
        fields["bias"] = draw(either_form(bias, encoded=graph.encoded))
    return fields | ({"constants": constants} if constants else {})


@st.composite
def windows(draw: st.DrawFn, plane: Shape, *, pooled: bool) -> tuple[dict[str, Any], Shape]:
    """The fields of a window, and how many positions it has; when pooled, none lies in the padding alone."""
    fields: dict[str, list[Any]] = {"kernel": [], "stride": [], "dilation": [], "padding": []}
    positions = []
    for length in plane:
        before, after = draw(st.sampled_from([(0, 0), (0, 0), (1, 1), (0, 1), (2, 0)]))
        size = draw(st.integers(1, min(3, length + before + after)))
        dilation = draw(st.integers(1, 2)) if size > 1 else 1
        if pooled and (dilation > 1 or max(before, after) >= size):
            before = after = 0
            size = min(size, length)
        room = length + before + after - dilation * (size - 1) - 1
        if room < 0:
            dilation, room = 1, length + before + after - size
        stride = draw(st.integers(1, 3))
        for name, value in zip(fields, (size, stride, dilation, [before, after]), strict=True):
            fields[name].append(value)
        positions.append(room // stride + 1)
    plain = {"stride": [1, 1], "dilation": [1, 1], "padding": [[0, 0], [0, 0]]}
    if pooled:
        plain["stride"] = fields["kernel"]
    written = {name: value for name, value in fields.items() if plain.get(name) != value or draw(st.booleans())}
    return written, tuple(positions)


@st.composite
def steps_for(draw: st.DrawFn, shape: Shape) -> dict[str, Any]:
    """The `then` of a layer."""
    found = draw(step_lists(ops=ALL_OPS, max_size=2, max_shift=4, magnitude=60, outputs=shape[-1]))
    return {"then": found} if found else {}


@st.composite
def aligned(draw: st.DrawFn, bits: int, wanted: int, channels: int) -> list[dict[str, Any]]:
    """Steps that bring a term to the precision bits wanted."""
    found = draw(step_lists(ops=ALL_OPS, max_size=1, max_shift=3, magnitude=60, outputs=channels))
    if bits_after(bits, found) != wanted:
        found.append({"op": "requantize", "multiplier": 2**30, "shift": 1, "rule": "single"})
        found[-1] |= {"precision_bits": wanted}
    return found


@st.composite
def grow(draw: st.DrawFn, graph: Graph) -> None:
    """Add a layer, or two."""
    source = draw(st.sampled_from([len(graph.layers)] * 3 + list(range(len(graph.layers) + 1))))
    shape, bits = graph.shapes[source], graph.bits[source]
    fitting = [op for op in graph.ops if fits(op, shape)]
    # Planes are soon flat; while there are any, convolutions are worth more than moving elements.
    op = draw(st.sampled_from([*fitting, *["conv2d"] * (4 * ("conv2d" in fitting))] or ["add"]))
    if op in LINEAR:
        return draw(grow_linear(graph, op, source))
    if op in {"add", "concatenate"}:
        return draw(grow_joined(graph, op, source))
    if op == "matmul":
        axes = [*range(len(shape) - 2), len(shape) - 1, len(shape) - 2]
        graph.add({"op": "transpose", "axes": axes} | graph.reads(source), tuple(shape[a] for a in axes), bits)
        pair = draw(st.permutations([source, len(graph.layers)]))
        first = graph.shapes[pair[0]]
        found = (*first[:-1], first[-2])
        graph.add({"op": op} | graph.reads(*pair) | draw(steps_for(found)), found, 2 * bits)
        return None
    fields, found = draw(moved(op, shape) if op in MOVING else pooled_or_softmax(op, shape))
    bits = fields.get("precision_bits", 0) if op == "softmax" else bits
    graph.add({"op": op} | fields | graph.reads(source) | draw(steps_for(found)), found, bits)
    return None


def fits(op: str, shape: Shape) -> bool:
    if op in PLANE:
        return len(shape) == 3
    if op == "matmul":
        return len(shape) > 1 and math.prod(shape[:-1]) * max(shape[-2:]) <= MOST_ELEMENTS
    return op not in {"pad", "concatenate", "gather"} or math.prod(shape) <= MOST_ELEMENTS // 2


@st.composite
def grow_linear(draw: st.DrawFn, graph: Graph, op: str, source: int) -> None:
    shape, precision, outputs = graph.shapes[source], draw(st.integers(0, 3)), draw(st.integers(1, 3))
    layer: dict[str, Any] = {"op": op} | graph.reads(source)
    if op == "dense":
        width, found = math.prod(shape), (outputs,)
    else:
        fields, positions = draw(windows(shape[:2], pooled=False))
        groups = draw(st.sampled_from(divisors(shape[2])))
        outputs = groups * max(1, outputs // groups)
        width, found = math.prod(fields["kernel"]) * (shape[2] // groups), (*positions, outputs)
        layer |= fields | ({} if groups == 1 else {"groups": groups})
    layer |= draw(kernels(graph, outputs, width, precision)) | draw(steps_for(found))
    graph.add(layer, found, graph.bits[source] + precision)


@st.composite
def grow_joined(draw: st.DrawFn, graph: Graph, op: str, source: int) -> None:
    shape, bits = graph.shapes[source], graph.bits[source]
    alike = [other for other, found in enumerate(graph.shapes) if found == shape]
    if op == "add":
        sources = [source, *draw(st.lists(st.sampled_from(alike), max_size=2))]
        wanted = draw(st.integers(0, 4))
        weights = st.sampled_from([{}, {"weight": -3}, {"weight": 2}])
        then = [draw(aligned(graph.bits[read], wanted, shape[-1])) for read in sources]
        terms = [draw(weights) | ({"then": steps} if steps else {}) for steps in then]
        plain = {graph.bits[read] for read in sources} == {bits} and draw(st.booleans())
        layer = {"op": op} | ({} if plain else {"terms": terms})
        bits, found = bits if plain else wanted, shape
    else:
        sources = [source, draw(st.sampled_from([other for other in alike if graph.bits[other] == bits]))]
        axis = draw(st.integers(0, len(shape) - 1))
        layer, found = {"op": op, "axis": axis}, (*shape[:axis], 2 * shape[axis], *shape[axis + 1 :])
    graph.add(layer | graph.reads(*sources, always=True) | draw(steps_for(found)), found, bits)


@st.composite
def pooled_or_softmax(draw: st.DrawFn, op: str, shape: Shape) -> tuple[dict[str, Any], Shape]:
    if op == "softmax":
        table = sorted(draw(st.lists(st.integers(0, 300), max_size=5)), reverse=True)
        fields = {"table": [draw(st.integers(300, 400)), *table], "scale": draw(st.integers(1, 255))}
        return fields | draw(st.sampled_from([{}, {"precision_bits": 7}])), shape
    fields, positions = draw(windows(shape[:2], pooled=True))
    rounding = {"rounding": draw(st.sampled_from(ROUNDINGS))} if op == "average_pool" else {}
    return fields | rounding, (*positions, shape[2])


@st.composite
def moved(draw: st.DrawFn, op: str, shape: Shape) -> tuple[dict[str, Any], Shape]:
    elements = math.prod(shape)
    match op:
        case "reshape":
            found = draw(
                st.sampled_from([(d, elements // d) for d in divisors(elements)] + [(elements,), (1, 1, elements)])
            )
            return {"shape": list(found)}, found
        case "flatten":
            return {}, (elements,)
        case "transpose":
            axes = draw(st.permutations(range(len(shape))))
            return {"axes": axes}, tuple(shape[axis] for axis in axes)
        case "pad":
            around = [draw(st.sampled_from([[0, 0], [0, 0], [1, 0], [0, 1]])) for _ in shape]
            found = tuple(n + a + b for n, (a, b) in zip(shape, around, strict=True))
            return {"padding": around} | draw(st.sampled_from([{}, {"value": -7}])), found
        case "slice":
            spans = [sorted(draw(st.sampled_from(list(itertools.combinations(range(n + 1), 2))))) for n in shape]
            step = [draw(st.integers(1, 2)) for _ in shape]
            found = tuple(len(range(a, b, s)) for (a, b), s in zip(spans, step, strict=True))
            fields = {"begin": [a for a, _ in spans], "end": [b for _, b in spans]}
            return fields | ({} if set(step) == {1} else {"step": step}), found
    found = draw(st.sampled_from([(2, 2), (3,), (1, 2, 2)]))
    places = draw(st.lists(st.integers(-1, elements - 1), min_size=math.prod(found), max_size=math.prod(found)))
    return {"indices": draw(either_form(places)), "shape": list(found)}, found


@st.composite
def graphs(
    draw: st.DrawFn,
    *,
    max_layers: int = 5,
    ops: tuple[str, ...] = OPERATORS,
    shapes: tuple[Shape, ...] = ((3, 3, 2), (4, 3, 1), (2, 4, 3), (2, 3), (3,)),
    max_points: int = 2**200,
    encoded: bool = True,
) -> dict[str, Any]:
    """A document that the reader accepts.

    Args:
        max_layers: from 1; a matrix product comes with a transposition before it, one layer more.
        ops: the operators to choose from; `add` is among them where nothing else fits.
        shapes: of the input, to choose from.
        max_points: of the whole grid; a small one makes most features constant.
        encoded: whether tensors may be in base64.
    """
    shape = draw(st.sampled_from(shapes))
    low, high, left = [], [], max_points
    for _ in range(math.prod(shape)):
        least, most = draw(intervals(max(1, min(left, 9))))
        low.append(least)
        high.append(most)
        left //= most - least + 1
    box = {"shape": list(shape), "low": low, "high": high, "precision_bits": draw(st.integers(0, 3))}
    graph = Graph(box, ops, encoded)
    for _ in range(draw(st.integers(1, max_layers))):
        draw(grow(graph))
    return {"format": "certify.network/1", "input": box, "layers": graph.layers}


@st.composite
def points(draw: st.DrawFn, document: dict[str, Any]) -> tuple[int, ...]:
    """A point of the document's box."""
    box = document["input"]
    return tuple(draw(st.integers(a, b)) for a, b in zip(box["low"], box["high"], strict=True))
