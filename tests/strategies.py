"""Hypothesis strategies for `certify.network/1`: small random documents whose whole grid can be swept.

`documents()` draws what the reader accepts: depth 1 to 3, weights of 2 to 6 bits, with and without biases and
constants, every step and rounding, boxes with and without 0 on either side, and both forms of every tensor.
"""

from __future__ import annotations

import base64
import math
from typing import Any

from hypothesis import strategies as st

RULES = ("single", "double", "float32")
ROUNDINGS = ("floor", "half_up", "half_even", "half_away", "toward_zero")
OPS = ("relu", "leaky_relu", "requantize", "clamp", "offset", "step", "sign")
ALL_OPS = (*OPS, "round_significant", "thresholds", "table")
DTYPES = {
    "int8": (-(2**7), 2**7 - 1),
    "uint8": (0, 2**8 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
}


def encode(tensor: list[Any], dtype: str = "int64") -> dict[str, Any]:
    """The second form of a tensor of one or two dimensions."""
    nested = bool(tensor) and isinstance(tensor[0], list)
    flat = [x for row in tensor for x in row] if nested else tensor
    size = int(dtype.lstrip("uint")) // 8
    data = b"".join(x.to_bytes(size, "little", signed=not dtype.startswith("u")) for x in flat)
    shape = [len(tensor), len(tensor[0])] if nested else [len(tensor)]
    return {"shape": shape, "dtype": dtype, "data": base64.b64encode(data).decode()}


@st.composite
def either_form(draw: st.DrawFn, tensor: list[Any], *, encoded: bool = True) -> Any:
    """The tensor as lists, or encoded in any dtype that holds it."""
    flat = [x for row in tensor for x in (row if isinstance(row, list) else [row])]
    low, high = min(flat, default=0), max(flat, default=0)
    kinds = [name for name, (least, greatest) in DTYPES.items() if least <= low and high <= greatest]
    kind = draw(st.sampled_from([None, *kinds])) if encoded else None
    return encode(tensor, kind) if kind else tensor


@st.composite
def multiplications(draw: st.DrawFn, outputs: int | None = None) -> dict[str, Any]:
    """A requantization by a multiplier, mostly a fraction near 1, with one for each output where they are known."""
    multiplier = st.one_of(st.integers(2**30, 2**31 - 1), st.integers(1, 2**31 - 1), st.sampled_from([1, 2**30]))
    fields: dict[str, Any] = {}
    for name, values in (("multiplier", multiplier), ("shift", st.integers(-3, 6))):
        alike = outputs is None or draw(st.booleans())
        listed = st.lists(values, min_size=outputs or 0, max_size=outputs)
        fields[name] = draw(values) if alike else draw(either_form(draw(listed)))
    more = draw(st.sampled_from([{}, {"zero_point": -5}, {"precision_bits": 3}]))
    return {"op": "requantize", "rule": draw(st.sampled_from(RULES))} | fields | more


@st.composite
def rising(draw: st.DrawFn, magnitude: int, *, min_size: int = 0) -> list[int]:
    """A few integers that never fall."""
    return sorted(draw(st.lists(st.integers(-magnitude, magnitude), min_size=min_size, max_size=5)))


@st.composite
def thresholds(draw: st.DrawFn, outputs: int | None, magnitude: int) -> dict[str, Any]:
    """Thresholds, with a list for each output where they are known, or a table."""
    more = draw(st.sampled_from([{}, {"precision_bits": 2}]))
    if draw(st.booleans()):
        values = draw(either_form(draw(rising(magnitude, min_size=1))))
        return {"op": "table", "low": draw(st.integers(-9, 3)), "values": values} | more
    more |= draw(st.sampled_from([{}, {"low": -2}]))
    if outputs is None or draw(st.booleans()):
        return {"op": "thresholds", "at": draw(either_form(draw(rising(magnitude))))} | more
    lists = draw(st.lists(rising(magnitude), min_size=outputs, max_size=outputs))
    alike = len({len(own) for own in lists}) == 1 and lists[0]
    return {"op": "thresholds", "at": draw(either_form(lists)) if alike else lists} | more


@st.composite
def steps(
    draw: st.DrawFn,
    *,
    ops: tuple[str, ...] = OPS,
    max_shift: int = 8,
    magnitude: int = 200,
    outputs: int | None = None,
) -> dict[str, Any]:
    """One step, its integers up to `magnitude`; of a layer with so many outputs, where they are given."""
    number = st.integers(-magnitude, magnitude)
    op = draw(st.sampled_from(ops))
    if op == "requantize" and draw(st.booleans()):
        return draw(multiplications(outputs))
    if op == "requantize":
        step = {"op": op, "shift": draw(st.integers(0, max_shift)), "rounding": draw(st.sampled_from(ROUNDINGS))}
        return step | draw(st.sampled_from([{}, {"zero_point": draw(number)}]))
    if op == "clamp":
        low, high = sorted([draw(number), draw(number)])
        return {"op": op, "low": low, "high": high}
    if op == "leaky_relu":
        return {"op": op, "negative_shift": draw(st.integers(1, 3))}
    if op in {"thresholds", "table"}:
        return draw(thresholds(outputs, magnitude))
    return {"op": op, "value": draw(number)} if op == "offset" else {"op": op}


def step_lists(*, max_size: int = 4, **options: Any) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Steps in any order; the options are those of `steps`."""
    return st.lists(steps(**options), max_size=max_size)


@st.composite
def intervals(draw: st.DrawFn, max_size: int) -> tuple[int, int]:
    """(low, high) with at most `max_size` integers: across 0, from 0, up to 0, without 0, or a single one."""
    more = draw(st.integers(0, max_size - 1))
    low = draw(
        st.one_of(
            st.just(0),
            st.just(-more),
            st.integers(-more, 0),
            st.integers(1, 12),
            st.integers(-12 - more, -1 - more),
        )
    )
    return low, low + more


@st.composite
def boxes(draw: st.DrawFn, *, max_inputs: int = 3, max_points: int = 400, encoded: bool = True) -> dict[str, Any]:
    """The `input` of a document, with at most `max_points` points."""
    features = draw(st.integers(1, max_inputs))
    shape = draw(st.sampled_from([[features], [1, features], [features, 1]]))
    side = max(1, int(max_points ** (1 / features) + 1e-9))
    assert side**features <= max_points
    box: dict[str, Any] = {"shape": shape, "precision_bits": draw(st.integers(0, 6))}
    if draw(st.booleans()):
        low, high = draw(intervals(side))
        return box | {"low": low, "high": high}
    pairs = draw(st.lists(intervals(side), min_size=features, max_size=features))
    for name, values in zip(("low", "high"), zip(*pairs, strict=True), strict=True):
        bound = draw(either_form(list(values), encoded=encoded))
        if isinstance(bound, dict):
            bound["shape"] = draw(st.sampled_from([shape, [features]]))
        box[name] = bound
    return box


@st.composite
def layers(
    draw: st.DrawFn,
    inputs: int,
    outputs: int,
    *,
    bits: tuple[int, int] = (2, 6),
    then: st.SearchStrategy[list[dict[str, Any]]] | None = None,
    constants: bool = True,
    encoded: bool = True,
) -> dict[str, Any]:
    """A dense layer of that shape."""
    k = draw(st.integers(*bits))
    extra = draw(st.lists(st.integers(-20, 20), max_size=2)) if constants else []
    columns = inputs + len(extra)
    weight = st.one_of(st.integers(-(2**k), 2**k), st.sampled_from([0, -(2**k), 2**k]))
    row = st.lists(weight, min_size=columns, max_size=columns)
    rows = draw(st.lists(row, min_size=outputs, max_size=outputs))
    layer = {"op": "dense", "precision_bits": k, "weights": draw(either_form(rows, encoded=encoded))}
    if draw(st.booleans()):
        limit = 2 ** (2 * k + 2)
        bias = draw(st.lists(st.integers(-limit, limit), min_size=outputs, max_size=outputs))
        layer["bias"] = draw(either_form(bias, encoded=encoded))
    if extra or (constants and draw(st.booleans())):
        layer["constants"] = draw(either_form(extra, encoded=encoded))
    following = draw(step_lists(outputs=outputs) if then is None else then)
    return layer | ({"then": following} if following or draw(st.booleans()) else {})


@st.composite
def documents(
    draw: st.DrawFn,
    *,
    max_inputs: int = 3,
    max_outputs: int = 3,
    max_layers: int = 3,
    max_points: int = 400,
    bits: tuple[int, int] = (2, 6),
    then: st.SearchStrategy[list[dict[str, Any]]] | None = None,
    constants: bool = True,
    encoded: bool = True,
) -> dict[str, Any]:
    """A document that the reader accepts.

    Args:
        max_inputs: features of a point.
        max_outputs: outputs of every layer, hidden ones included.
        max_layers: depth, from 1.
        max_points: of the whole grid.
        bits: least and greatest precision bits of weights.
        then: a strategy for each layer's steps; `st.just([{"op": "relu"}])` leaves out requantization.
        constants: whether layers may have extra inputs.
        encoded: whether tensors may be in base64.
    """
    box = draw(boxes(max_inputs=max_inputs, max_points=max_points, encoded=encoded))
    inputs = math.prod(box["shape"])
    chain = []
    for _ in range(draw(st.integers(1, max_layers))):
        outputs = draw(st.integers(1, max_outputs))
        layer = layers(inputs, outputs, bits=bits, then=then, constants=constants, encoded=encoded)
        chain.append(draw(layer))
        inputs = outputs
    document: dict[str, Any] = {"format": "certify.network/1", "input": box, "layers": chain}
    labels = [{}, {"name": "random"}, {"output": {"scale": "0.5", "zero_point": 3}}]
    return document | draw(st.sampled_from(labels))
