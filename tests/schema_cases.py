"""Documents in `certify.network/1`, accepted and refused, and the rules that the published schema cannot say.

`READER_ONLY` names each of those rules with the message by which the reader refuses; `REFUSED` shows every one.
"""

from __future__ import annotations

import copy
from typing import Any

from strategies import DTYPES, ROUNDINGS, RULES, encode

from certify.network.schema import network_schema

READER_ONLY = {
    "integers without fraction or exponent": r".*: expected an integer, found -?[0-9.]+(e[+-]?[0-9]+)?",
    "weights in S_δ": r"layers\[\d+\]\.weights\[\d+\]\[\d+\]: expected an integer from .* \(precision_bits .*",
    "rows of one length": r"layers\[\d+\]\.weights\[\d+\]: expected \d+ entries as in the first row, .*",
    "columns are inputs and constants": r"layers\[\d+\]\.weights\[0\]: expected .* columns, one per .*",
    "a bias per output": r"layers\[\d+\]\.bias: expected one integer per output, .*",
    "a bound per feature": r"input\.(low|high): expected one integer per feature, .*",
    "encoded bounds of a known shape": r"input\.(low|high)\.shape: expected one dimension, .*",
    "low ≤ high in the box": r"input\.(low|high).*: expected low ≤ high, .*",
    "one per output": r".*\.then\[\d+\]\.(multiplier|shift): expected one integer, or one per output, .*",
    "encoded multipliers in range": r".*\.then\[\d+\]\.(multiplier|shift)\[\d+\]: expected an integer from .*",
    "low ≤ high in a clamp": r"layers\[\d+\]\.then\[\d+\]: expected low ≤ high, .*",
    "bytes for the shape": r".*\.data: expected \d+ bytes for .*",
    "features": r"input\.shape: expected at most \d+ features, .*",
    "features for the file": r"input\.shape: expected at most \d+, or one per byte, .*",
    "elements": r".*\.shape: expected at most \d+ elements, .*",
    "weights of all layers": r"layers\[\d+\]\.weights: expected at most \d+ weights in all layers, .*",
    "elements of a layer": r"layers\[\d+\].*: expected at most \d+ elements in a layer, .*",
    "elements of all layers": r"layers\[\d+\]: expected at most \d+ elements in all layers, .*",
    "names of earlier layers": r"layers\[\d+\]\.inputs\[\d+\]: expected (an earlier layer's name|a name that one).*",
    "a plane": r"layers\[\d+\]: expected an input of \[rows, columns, channels\], .*",
    "a kernel on the plane": r"layers\[\d+\]: expected a kernel within .*",
    "windows with elements": r"layers\[\d+\]: expected an element inside every window, .*",
    "groups": r"layers\[\d+\]\.groups: expected a divisor of .*",
    "one shape": r"layers\[\d+\]: expected inputs (of one shape|alike but for dimension \d+), .*",
    "one precision": r"layers\[\d+\]: expected inputs of the same precision bits, .*",
    "precision of products": r"layers\[\d+\]: expected precision bits of 65536 at most, .*",
    "numbers of products": r"layers\[\d+\]: expected numbers of 65536 bits at most, .*",
    "a term per input": r"layers\[\d+\]\.terms: expected one term per input, .*",
    "factors of a product": r"layers\[\d+\]: expected \[\.\.\., n, k\] and \[\.\.\., k, m\], .*",
    "elements for a shape": r"layers\[\d+\]: expected \d+ (elements|indices) for .*",
    "axes": r"layers\[\d+\]: expected (the axes of|an axis below) .*",
    "dimensions": r"layers\[\d+\]: expected an input of \d+ dimensions, .*",
    "begin, end and step": r"layers\[\d+\]: expected (begin, end and step of one|0 ≤ begin < end within) .*",
    "indices inside": r"layers\[\d+\]: expected indices from -1 to .*",
    "tables of softmax": r"layers\[\d+\]\.table.*: expected (a first value|values that never rise|a value from 0).*",
    "rising": r".*\.(at|values)(\[\d+\])+: expected (thresholds|values) that never fall, .*",
    "a rise that is not too high": r".*\.values: expected values that rise by \d+ at most, .*",
    "values in a table": r".*\.values: expected at least one value, found none",
    "thresholds per output": r".*\.at: expected one list, or one per output, .*",
}


EXAMPLE: dict[str, Any] = network_schema()["examples"][0]
LAYER = EXAMPLE["layers"][0]


def changed(**fields: Any) -> dict[str, Any]:
    return copy.deepcopy(EXAMPLE) | fields


def box(**fields: Any) -> dict[str, Any]:
    return changed(input=EXAMPLE["input"] | fields)


def layer(**fields: Any) -> dict[str, Any]:
    return changed(layers=[LAYER | fields, EXAMPLE["layers"][1]])


def without(name: str, parent: str | None = None) -> dict[str, Any]:
    document = changed()
    del (document if parent is None else document["layers"][0] if parent == "layer" else document[parent])[name]
    return document


def empty(*shape: int) -> dict[str, Any]:
    """An encoded tensor that says it has this shape, and has no data."""
    return {"shape": list(shape), "dtype": "int8", "data": ""}


def then(*steps: Any) -> dict[str, Any]:
    return layer(then=list(steps))


def graph(*layers: Any, shape: tuple[int, ...] = (4, 4, 2), bits: int = 0) -> dict[str, Any]:
    """A document of these layers, on an image."""
    box = {"shape": list(shape), "low": -2, "high": 1, "precision_bits": bits}
    return {"format": "certify.network/1", "input": box, "layers": list(layers)}


def op(kind: str, **fields: Any) -> dict[str, Any]:
    return {"op": kind} | fields


def conv(**fields: Any) -> dict[str, Any]:
    """A 2 · 2 convolution of two channels to three."""
    return op("conv2d", kernel=[2, 2], precision_bits=1, weights=[[1] * 8, [-2] * 8, [0] * 8]) | fields


def pool(kind: str = "max_pool", **fields: Any) -> dict[str, Any]:
    return op(kind, kernel=[2, 2]) | ({"rounding": "floor"} if kind == "average_pool" else {}) | fields


def thresholds(at: Any, **fields: Any) -> dict[str, Any]:
    return op("thresholds", at=at, **fields)


ACCEPTED = {
    "the example": EXAMPLE,
    "no name": without("name"),
    "no bias": without("bias", "layer"),
    "no steps": without("then", "layer"),
    "a layer's name": layer(name="first"),
    "bounds per feature": box(low=[-16, 0], high=[16, 0]),
    "encoded bounds": box(low=encode([-16, 0], "int8"), high=encode([16, 0], "uint32")),
    "encoded bounds in the input's shape": box(shape=[2, 1], low=encode([-16, 0]) | {"shape": [2, 1]}),
    "a single point": box(low=0, high=0),
    "all of int64": box(low=-(2**63), high=2**63 - 1),
    "a scale": box(scale="0.0078125", zero_point=-128),
    "a scale with an exponent": changed(output={"scale": "1.5e-03", "zero_point": 2**63 - 1}),
    "an empty output": changed(output={}),
    "encoded weights": layer(weights=encode([[3, -16], [0, 7]], "int8")),
    "encoded bias": layer(bias=encode([0, 256], "uint16")),
    "constants": layer(weights=[[3, -16, 1], [0, 7, 1]], constants=[99]),
    "encoded constants": layer(weights=[[3, -16, 1], [0, 7, 1]], constants=encode([99])),
    "no constants": layer(constants=[]),
    "no constants, encoded": layer(constants=encode([])),
    "weights at the ends of S_δ": layer(weights=[[16, -16], [0, 0]]),
    "60 bits": layer(precision_bits=60, weights=[[2**60, -(2**60)], [0, 0]]),
    "eight dimensions": box(shape=[2] + [1] * 7, low=encode([0, 0]) | {"shape": [2] + [1] * 7}),
    "input precision of 60 bits": box(precision_bits=60),
    "one column, encoded": box(shape=[1]) | {"layers": [LAYER | {"weights": encode([[1], [2]])}]},
    "every step": then(
        {"op": "relu"},
        {"op": "requantize", "shift": 0, "rounding": "floor"},
        {"op": "requantize", "shift": 1024, "rounding": "half_up", "zero_point": -3},
        {"op": "clamp", "low": -128, "high": 127},
        {"op": "offset", "value": -(2**63)},
        {"op": "step"},
        {"op": "sign"},
    ),
}

MULTIPLY = {"op": "requantize", "multiplier": 2**30, "shift": 4, "rule": "single"}
ACCEPTED |= {
    "a multiplier": then(MULTIPLY),
    "a multiplier per output": then(MULTIPLY | {"multiplier": [1, 2**31 - 1]}),
    "encoded multipliers": then(MULTIPLY | {"multiplier": encode([1, 2**31 - 1], "int32")}),
    "a shift per output": then(MULTIPLY | {"shift": [-31, 1024]}),
    "encoded shifts": then(MULTIPLY | {"shift": encode([-31, 3], "int8")}),
    "every field of a multiplier": then(MULTIPLY | {"zero_point": -128, "precision_bits": 60}),
}
ACCEPTED |= {f"rule {name}": then(MULTIPLY | {"rule": name}) for name in RULES}
ACCEPTED |= {f"rounding {name}": then({"op": "requantize", "shift": 1, "rounding": name}) for name in ROUNDINGS}
ACCEPTED |= {f"dtype {name}": layer(bias=encode([0, 1], name)) for name in DTYPES}

ACCEPTED |= {
    "a convolution": graph(conv()),
    "a convolution with every field": graph(
        conv(
            name="c",
            inputs=["input"],
            stride=[1, 2],
            dilation=[2, 1],
            padding=[[1, 0], [0, 2]],
            groups=1,
            weights=[[1] * 9],
            bias=[3],
            constants=[7],
            then=[{"op": "relu"}],
        )
    ),
    "a depthwise convolution": graph(conv(groups=2, weights=[[1] * 4] * 4)),
    "encoded kernels": graph(conv(weights=encode([[1] * 8]), bias=encode([1]), constants=encode([]))),
    "a sum": graph(op("add", inputs=["input", "input"])),
    "a sum of one": graph(op("add", inputs=["input"], terms=[{}])),
    "a sum with terms": graph(
        op("add", inputs=["input"] * 2, terms=[{"weight": -(2**63)}, {"then": [thresholds([[1], []])]}])
    ),
    "a product": graph(op("transpose", name="t", axes=[0, 2, 1]), op("matmul", inputs=["t", "input"])),
    "a maximum": graph(pool()),
    "pooling with every field": graph(pool("sum_pool", stride=[1, 3], dilation=[2, 1], padding=[[1, 1], [0, 1]])),
    "a softmax": graph(op("softmax", table=[5, 5, 0], scale=2**63 - 1, precision_bits=60)),
    "a softmax of an encoded table": graph(op("softmax", table=encode([3]), scale=1)),
    "a flattening": graph(op("flatten"), shape=(1,) * 8),
    "a reshape": graph(op("reshape", shape=[2] * 5 + [1] * 3)),
    "a transposition": graph(op("transpose", axes=[2, 0, 1])),
    "a padding": graph(op("pad", padding=[[0, 1], [2, 0], [0, 0]], value=-5)),
    "a slice": graph(op("slice", begin=[0, 1, 0], end=[4, 2, 1])),
    "a slice with steps": graph(op("slice", begin=[0, 1, 0], end=[4, 2, 1], step=[3, 1, 16])),
    "a concatenation": graph(op("concatenate", inputs=["input", "input"], axis=2)),
    "a gathering": graph(op("gather", indices=[31, 0, -1, 0], shape=[2, 2])),
    "a gathering, encoded": graph(op("gather", indices=encode([31, -1]), shape=[2])),
    "two layers of one name that nobody reads": graph(pool(name="a"), pool("sum_pool", name="a", kernel=[1, 1])),
    "a layer called input": graph(pool(name="input"), op("flatten")),
    "a leaky ReLU": then(op("leaky_relu", negative_shift=1), op("leaky_relu", negative_shift=31)),
    "significant bits": then({"op": "round_significant"}),
    "thresholds": then(thresholds([-(2**63), 3, 3], low=-4, precision_bits=9)),
    "no thresholds": then(thresholds([])),
    "thresholds per output": then(thresholds([[1, 2], []])),
    "encoded thresholds": then(thresholds(encode([1, 2], "int8"))),
    "encoded thresholds per output": then(thresholds(encode([[1], [2]], "int8"))),
    "a table": then(op("table", low=-(2**63), values=[1, 1, 4])),
    "an encoded table": then(op("table", low=0, values=encode([-4, 4]), precision_bits=60)),
}
ACCEPTED |= {f"average rounded {name}": graph(pool("average_pool", rounding=name)) for name in ROUNDINGS}

FLOATS = "integers without fraction or exponent"
BYTES = "bytes for the shape"
SHAPE = "encoded bounds of a known shape"

# What the reader refuses, and the rule of READER_ONLY by which; None where the schema refuses it too.
REFUSED = {
    "an array": ([], None),
    "another format": (changed(format="certify.network/2"), None),
    "no format": (without("format"), None),
    "no input": (without("input"), None),
    "no layers": (without("layers"), None),
    "layers empty": (changed(layers=[]), None),
    "unknown key": (changed(comment="hello"), None),
    "unknown key of the input": (box(comment="hello"), None),
    "unknown key of a layer": (layer(stride=1), None),
    "unknown key of a step": (then({"op": "relu", "low": 0}), None),
    "unknown key of the output": (changed(output={"low": 0}), None),
    "key in another case": (changed(Name="x"), None),
    "no op": (without("op", "layer"), None),
    "another op": (layer(op="conv"), None),
    "a leaky ReLU of no slope": (then(op("leaky_relu")), None),
    "a leaky ReLU that is none": (then(op("leaky_relu", negative_shift=0)), None),
    "a slope below 2^-31": (then(op("leaky_relu", negative_shift=32)), None),
    "a slope as a fraction": (then(op("leaky_relu", negative_shift=0.5)), None),
    "a step as a layer": (layer(op="relu"), None),
    "no weights": (without("weights", "layer"), None),
    "no precision bits": (without("precision_bits", "layer"), None),
    "negative precision bits": (layer(precision_bits=-1), None),
    "61 precision bits": (layer(precision_bits=61), None),
    "weights empty": (layer(weights=[]), None),
    "a row empty": (layer(weights=[[], []]), None),
    "weights flat": (layer(weights=[3, -16]), None),
    "weights too deep": (layer(weights=[[[3, -16]]]), None),
    "bias null": (layer(bias=None), None),
    "scale null": (box(scale=None), None),
    "scale a number": (box(scale=1), None),
    "scale negative": (box(scale="-1"), None),
    "scale with a new line": (box(scale="1\n"), None),
    "scale with a point alone": (box(scale="1."), None),
    "shape empty": (box(shape=[]), None),
    "shape with 0": (box(shape=[2, 0]), None),
    "shape of nine dimensions": (box(shape=[2] + [1] * 8), None),
    "a dimension of 2^40": (box(shape=[2**40]), None),
    "low a list of lists": (box(low=[[-16], [-16]]), None),
    "a string for an integer": (box(low="-16"), None),
    "true for 1": (box(high=True), None),
    "2^63": (box(high=2**63), None),
    "-2^63 - 1": (box(low=-(2**63) - 1), None),
    "a half": (box(low=0.5), None),
    "NaN": (box(low=float("nan")), None),
    "unknown step": (then({"op": "gelu"}), None),
    "no step": (then({}), None),
    "dense as a step": (then({"op": "dense"}), None),
    "negative shift": (then({"op": "requantize", "shift": -1, "rounding": "floor"}), None),
    "shift of 1025": (then({"op": "requantize", "shift": 1025, "rounding": "floor"}), None),
    "wrong rounding": (then({"op": "requantize", "shift": 1, "rounding": "Floor"}), None),
    "no rounding": (then({"op": "requantize", "shift": 1}), None),
    "a multiplier": (then({"op": "requantize", "shift": 1, "rounding": "floor", "multiplier": 3}), None),
    "a multiplier without a rule": (then({"op": "requantize", "shift": 1, "multiplier": 3}), None),
    "a multiplier without a shift": (then({"op": "requantize", "rule": "single", "multiplier": 3}), None),
    "a rule without a multiplier": (then({"op": "requantize", "shift": 1, "rule": "single"}), None),
    "a rule beside a rounding": (then({"op": "requantize", "shift": 1, "rounding": "floor", "rule": "single"}), None),
    "precision bits of a shift": (
        then({"op": "requantize", "shift": 1, "rounding": "floor", "precision_bits": 1}),
        None,
    ),
    "shifts without a multiplier": (then({"op": "requantize", "shift": [1, 1], "rounding": "floor"}), None),
    "another rule": (then(MULTIPLY | {"rule": "Single"}), None),
    "a multiplier of 0": (then(MULTIPLY | {"multiplier": 0}), None),
    "a negative multiplier": (then(MULTIPLY | {"multiplier": -1}), None),
    "a multiplier of 2^31": (then(MULTIPLY | {"multiplier": 2**31}), None),
    "a multiplier of 0 among others": (then(MULTIPLY | {"multiplier": [1, 0]}), None),
    "a shift of -32": (then(MULTIPLY | {"shift": -32}), None),
    "a shift of 1025 by a multiplier": (then(MULTIPLY | {"shift": [4, 1025]}), None),
    "multipliers in a table": (then(MULTIPLY | {"multiplier": encode([[1, 2]])}), None),
    "a multiplier as text": (then(MULTIPLY | {"multiplier": "3"}), None),
    "61 precision bits of a step": (then(MULTIPLY | {"precision_bits": 61}), None),
    "an encoded multiplier of 0": (then(MULTIPLY | {"multiplier": encode([1, 0])}), "encoded multipliers in range"),
    "an encoded shift of -32": (then(MULTIPLY | {"shift": encode([4, -32])}), "encoded multipliers in range"),
    "a multiplier too few": (then(MULTIPLY | {"multiplier": [1]}), "one per output"),
    "an encoded shift too many": (then(MULTIPLY | {"shift": encode([1, 2, 3])}), "one per output"),
    "no multipliers": (then(MULTIPLY | {"multiplier": []}), "one per output"),
    "unknown dtype": (layer(bias={"shape": [2], "dtype": "float32", "data": ""}), None),
    "uint64": (layer(bias={"shape": [2], "dtype": "uint64", "data": "A" * 22 + "=="}), None),
    "base64 with white space": (layer(bias={"shape": [2], "dtype": "int8", "data": "AA A="}), None),
    "base64 with a new line": (layer(bias={"shape": [2], "dtype": "int8", "data": "AAA=\n"}), None),
    "base64 not padded": (layer(bias={"shape": [2], "dtype": "int8", "data": "AAA"}), None),
    "base64 with unused bits": (layer(bias={"shape": [2], "dtype": "int8", "data": "AAB="}), None),
    "an encoded table for a vector": (layer(bias=encode([[0, 256]])), None),
    "an encoded vector for a table": (layer(weights=encode([3, -16])), None),
    "an encoded table without rows": (layer(weights={"shape": [0, 2], "dtype": "int8", "data": ""}), None),
    "unknown key of a tensor": (layer(bias=encode([0, 256]) | {"order": "C"}), None),
    "1.0": (layer(bias=[0, 1.0]), FLOATS),
    "1e16": (layer(bias=[0, 1e16]), FLOATS),
    "a weight above": (layer(weights=[[3, -16], [0, 17]]), "weights in S_δ"),
    "an encoded weight below": (layer(weights=encode([[3, -17], [0, 7]])), "weights in S_δ"),
    "ragged": (layer(weights=[[3, -16], [0]]), "rows of one length"),
    "shapes that do not chain": (layer(weights=[[3, -16, 1], [0, 7, 1]]), "columns are inputs and constants"),
    "constants without columns": (layer(constants=[1]), "columns are inputs and constants"),
    "bias empty": (layer(bias=[]), "a bias per output"),
    "bias short": (layer(bias=encode([1])), "a bias per output"),
    "low empty": (box(low=[]), None),
    "low short": (box(low=[-16]), "a bound per feature"),
    "encoded high long": (box(high=encode([16, 16, 16])), "a bound per feature"),
    "encoded low in another shape": (box(low=encode([[-16, -16]])), SHAPE),
    "low > high": (box(low=17), "low ≤ high in the box"),
    "low > high in one feature": (box(low=[0, 17]), "low ≤ high in the box"),
    "clamp low > high": (then({"op": "clamp", "low": 1, "high": 0}), "low ≤ high in a clamp"),
    "a byte missing": (layer(bias=encode([0, 1], "int16") | {"data": "AAAA"}), BYTES),
    "encoded bounds of 2^24 rows": (box(low=empty(2**24, 2)), SHAPE),
    "encoded bounds of 2^24 + 1 elements": (box(low=empty(2**24 + 1)), None),
    "encoded bounds of nine dimensions": (box(low=empty(*[1] * 9)), None),
    "encoded bounds of no dimension": (box(low=empty()), None),
    "encoded bounds of 0 elements": (box(low=empty(0)), None),
    "encoded bias of 2^24 elements": (layer(bias=empty(2**24)), BYTES),
    "encoded bias of 2^24 + 1 elements": (layer(bias=empty(2**24 + 1)), None),
    "encoded bias of -1 elements": (layer(bias=empty(-1)), None),
    "encoded bias of no dimension": (layer(bias=empty()), None),
    "encoded weights of 2^24 rows": (layer(weights=empty(2**24, 1)), "weights of all layers"),
    "encoded weights of 2^24 + 1 rows": (layer(weights=empty(2**24 + 1, 1)), None),
    "encoded weights of three dimensions": (layer(weights=empty(2, 2, 1)), None),
    "2^24 + 1 features": (box(shape=[2**24 + 1]), None),
    "2^24 features in a small file": (box(shape=[2**24]), "features for the file"),
    "2^24 · 2 features": (box(shape=[2**24, 2]), "features"),
    "2^24 · 2 elements": (layer(weights={"shape": [2**24, 2], "dtype": "int8", "data": ""}), "elements"),
}


LARGE = op("pad", padding=[[2**12 - 4, 0], [2**11 - 4, 0], [0, 0]])
NAMES = "names of earlier layers"
REFUSED |= {
    "a layer of 2^24 + 2^13 elements": (graph(pool(padding=[[2**24, 0], [0, 0]])), "elements of a layer"),
    "a padding to 2^25 elements": (graph(LARGE | {"padding": [[2**12, 0]] * 3}), "elements of a layer"),
    "five layers of 2^24 elements each": (
        graph(*[(LARGE if i == 0 else op("transpose", axes=[0, 1, 2])) for i in range(5)]),
        "elements of all layers",
    ),
    "an input that is none": (graph(pool(inputs=["x"])), NAMES),
    "an input without a name": (graph(pool(), op("flatten", inputs=[""])), NAMES),
    "an input from later": (graph(op("flatten", inputs=["b"]), op("flatten", name="b")), NAMES),
    "a layer that reads itself": (graph(op("flatten", name="b", inputs=["b"])), NAMES),
    "an input that two layers are": (
        graph(pool(name="a"), op("flatten", name="a"), op("flatten", inputs=["a"])),
        NAMES,
    ),
    "a layer called input beside it": (graph(pool(name="input"), op("flatten", inputs=["input"])), NAMES),
    "two inputs": (graph(pool(inputs=["input", "input"])), None),
    "no inputs": (graph(pool(inputs=[])), None),
    "an input by its number": (graph(pool(inputs=[0])), None),
    "a sum without inputs": (graph(op("add")), None),
    "a sum of none": (graph(op("add", inputs=[])), None),
    "a product of three": (graph(op("matmul", inputs=["input"] * 3)), None),
    "a product without inputs": (graph(op("matmul")), None),
    "a convolution of a list": (graph(conv(), shape=(8,)), "a plane"),
    "a kernel beyond the plane": (graph(pool(kernel=[5, 1])), "a kernel on the plane"),
    "a kernel spread beyond the plane": (graph(conv(dilation=[4, 1])), "a kernel on the plane"),
    "a window in the padding": (graph(pool(padding=[[2, 0], [0, 0]])), "windows with elements"),
    "groups that do not divide the channels": (graph(conv(groups=3)), "groups"),
    "groups that do not divide the outputs": (graph(conv(groups=2, weights=[[1] * 4] * 3)), "groups"),
    "a kernel too short": (graph(conv(weights=[[1] * 7])), "columns are inputs and constants"),
    "a kernel without columns for constants": (graph(conv(constants=[1])), "columns are inputs and constants"),
    "a kernel's weight above": (graph(conv(weights=[[3] * 8])), "weights in S_δ"),
    "no kernel": (graph(op("conv2d", precision_bits=1, weights=[[1] * 8])), None),
    "a kernel of one number": (graph(conv(kernel=4)), None),
    "a kernel of three dimensions": (graph(conv(kernel=[1, 2, 2])), None),
    "a kernel of 0": (graph(pool(kernel=[0, 1])), None),
    "a stride of 0": (graph(pool(stride=[1, 0])), None),
    "a stride of 2^24 + 1": (graph(pool(stride=[1, 2**24 + 1])), None),
    "a negative padding": (graph(pool(padding=[[-1, 0], [0, 0]])), None),
    "a padding of two numbers": (graph(conv(padding=[1, 1])), None),
    "no groups": (graph(conv(groups=0)), None),
    "a maximum with a rounding": (graph(pool(rounding="floor")), None),
    "an average without a rounding": (graph(op("average_pool", kernel=[2, 2])), None),
    "a sum of two shapes": (graph(pool(name="a"), op("add", inputs=["a", "input"])), "one shape"),
    "a sum of two precisions": (
        graph(conv(name="a", kernel=[1, 1], weights=[[1, 1]] * 2), op("add", inputs=["a", "input"])),
        "one precision",
    ),
    "a term too few": (graph(op("add", inputs=["input"] * 2, terms=[{}])), "a term per input"),
    "an unknown key of a term": (graph(op("add", inputs=["input"], terms=[{"scale": 1}])), None),
    "a product of shapes that do not fit": (graph(op("matmul", inputs=["input"] * 2)), "factors of a product"),
    "products of products, finer and finer": (
        graph(
            *[op("matmul", name=f"{i}", inputs=[f"{i - 1}" if i else "input"] * 2) for i in range(14)],
            shape=(1, 1),
            bits=60,
        ),
        "precision of products",
    ),
    "products of products, larger and larger": (
        graph(
            *[op("matmul", name=f"{i}", inputs=[f"{i - 1}" if i else "input"] * 2) for i in range(40)], shape=(1, 1)
        ),
        "numbers of products",
    ),
    "a reshape to fewer": (graph(op("reshape", shape=[31])), "elements for a shape"),
    "a reshape to none": (graph(op("reshape", shape=[])), None),
    "axes that are no permutation": (graph(op("transpose", axes=[0, 1, 1])), "axes"),
    "an axis that is not there": (graph(op("concatenate", inputs=["input"], axis=3)), "axes"),
    "an eighth axis": (graph(op("concatenate", inputs=["input"], axis=8)), None),
    "a concatenation of two shapes": (
        graph(pool(name="a"), op("concatenate", inputs=["a", "input"], axis=0)),
        "one shape",
    ),
    "a padding of two dimensions": (graph(op("pad", padding=[[0, 1]] * 2)), "dimensions"),
    "a slice of two dimensions": (graph(op("slice", begin=[0, 0], end=[1, 1])), "dimensions"),
    "a slice of none": (graph(op("slice", begin=[0, 1, 0], end=[4, 1, 1])), "begin, end and step"),
    "a slice beyond the end": (graph(op("slice", begin=[0, 1, 0], end=[5, 2, 1])), "begin, end and step"),
    "a slice with a begin too few": (graph(op("slice", begin=[0, 0], end=[1, 1, 1])), "begin, end and step"),
    "a slice with a step of 0": (graph(op("slice", begin=[0, 0, 0], end=[1, 1, 1], step=[1, 0, 1])), None),
    "an index too few": (graph(op("gather", indices=[0], shape=[2])), "elements for a shape"),
    "an index beyond the input": (graph(op("gather", indices=[0, 32], shape=[2])), "indices inside"),
    "an index of -2": (graph(op("gather", indices=[0, -2], shape=[2])), "indices inside"),
    "a gathering of 2^32 elements": (graph(op("gather", indices=[0], shape=[2**16] * 2)), "elements of a layer"),
    "a softmax without a table": (graph(op("softmax", scale=1)), None),
    "a softmax of an empty table": (graph(op("softmax", table=[], scale=1)), "tables of softmax"),
    "a softmax that begins with 0": (graph(op("softmax", table=[0], scale=1)), "tables of softmax"),
    "a softmax that rises": (graph(op("softmax", table=[4, 2, 3], scale=1)), "tables of softmax"),
    "a softmax below 0": (graph(op("softmax", table=[4, -1], scale=1)), "tables of softmax"),
    "a softmax of scale 0": (graph(op("softmax", table=[4], scale=0)), None),
    "thresholds that fall": (then(thresholds([1, 0])), "rising"),
    "encoded thresholds that fall": (then(thresholds(encode([[1, 2], [2, 1]]))), "rising"),
    "thresholds for one output of two": (then(thresholds([[1]])), "thresholds per output"),
    "thresholds listed and not": (then(thresholds([1, [1]])), None),
    "thresholds too deep": (then(thresholds([[[1]]])), None),
    "encoded thresholds of three dimensions": (then(thresholds(empty(2, 1, 1))), None),
    "a table that falls": (then(op("table", low=0, values=[3, 2])), "rising"),
    "a table of nothing": (then(op("table", low=0, values=[])), "values in a table"),
    "a table that rises by 2^64": (
        then(op("table", low=0, values=[-(2**63), 2**63 - 1])),
        "a rise that is not too high",
    ),
    "a table per output": (then(op("table", low=0, values=[[0], [1]])), None),
    "a table without low": (then(op("table", values=[0])), None),
    "a table as a layer": (graph(op("table", low=0, values=[0])), None),
    "a reshape as a step": (then(op("flatten")), None),
}
