"""Reading untrusted bytes: an offence gives its place and what was expected, and nothing but InputError escapes."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import naive
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import check_refused, check_refused_at_once
from strategies import DTYPES, documents, encode

from certify.errors import InputError
from certify.network.model import Display
from certify.network.reader import read_network
from certify.network.steps import Relu, Requantize

BASE: dict[str, Any] = {
    "format": "certify.network/1",
    "name": "base",
    "input": {"shape": [2], "low": -16, "high": 16, "precision_bits": 4},
    "layers": [
        {
            "op": "dense",
            "name": "first",
            "precision_bits": 4,
            "weights": [[3, -16], [0, 7]],
            "bias": [0, 256],
            "then": [{"op": "relu"}, {"op": "requantize", "shift": 4, "rounding": "floor"}],
        },
        {"op": "dense", "precision_bits": 3, "weights": [[1, -2], [8, 8], [0, 0], [-8, 3]], "then": []},
    ],
}


def put(path: str, value: Any) -> bytes:
    """The base document with the value at that place, such as `layers.1.weights.3.0`."""
    document = copy.deepcopy(BASE)
    *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    node: Any = document
    for key in parents:
        node = node[key]
    node[last] = value
    return json.dumps(document).encode()


def literal(text: str) -> bytes:
    """The base document with this text for the integer at layers[0].bias[1]."""
    return json.dumps(BASE).replace("256", text).encode()


def inserted(before: str, text: str) -> bytes:
    return json.dumps(BASE).replace(before, text + before, 1).encode()


def test_the_base_is_read():
    network = read_network(json.dumps(BASE).encode())
    assert network.name == "base"
    assert network.input.shape == (2,)
    assert (network.input.low, network.input.high) == ((-16, -16), (16, 16))
    assert network.input.precision_bits == 4
    first, last = network.layers
    assert (first.name, first.precision_bits, first.bias, first.constants) == ("first", 4, (0, 256), ())
    assert first.weights.to_dense().tolist() == [[3, -16], [0, 7]]
    assert first.steps == (Relu(), Requantize(4, "floor"))
    assert (last.name, last.bias, last.steps) == ("", (0, 0, 0, 0), ())
    assert network.output == Display()


INT64 = "expected an integer from -9223372036854775808 to 9223372036854775807, found "
NESTED = 100_000

# name: (bytes, place, what the problem says)
BAD: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "", "empty"),
    "white space": (b" \n", "", "expected JSON"),
    "truncated": (json.dumps(BASE).encode()[:-20], "", "expected JSON"),
    "text after it": (json.dumps(BASE).encode() + b" x", "", "expected JSON"),
    "two documents": (json.dumps(BASE).encode() * 2, "", "expected JSON"),
    "binary": (bytes(range(256)), "", "expected"),
    "zeros": (bytes(100), "", "expected JSON"),
    "BOM": (b"\xef\xbb\xbf" + json.dumps(BASE).encode(), "", "byte order mark"),
    "UTF-16": (json.dumps(BASE).encode("utf-16"), "", "UTF-8"),
    "UTF-16 without BOM": (json.dumps(BASE).encode("utf-16-le"), "", "expected JSON"),
    "Latin-1": (put("name", "x").replace(b'"x"', b'"\xe9"'), "", "expected UTF-8, found byte 0xe9"),
    "overlong UTF-8": (put("name", "x").replace(b'"x"', b'"\xc0\x80"'), "", "expected UTF-8, found byte 0xc0"),
    "half a surrogate pair": (put("name", "x").replace(b'"x"', b'"\\ud800"'), "name", "half of a surrogate pair"),
    "half a pair as a key": (b'{"format": "certify.network/1", "\\udfff": 1}', "", "half of a surrogate pair"),
    "a line break in a key": (put("a\nb", 1), "", "unknown field `a\\nb`"),
    "an array": (b"[]", "", 'expected an object with "format": "certify.network/1"'),
    "a number": (b"1", "", 'expected an object with "format": "certify.network/1"'),
    "null": (b"null", "", 'expected an object with "format": "certify.network/1"'),
    "an empty object": (b"{}", "format", 'expected "certify.network/1", found no such key'),
    "format of another version": (
        put("format", "certify.network/2"),
        "format",
        "expected \"certify.network/1\", found 'certify.network/2'",
    ),
    "format in another case": (put("format", "Certify.Network/1"), "format", 'expected "certify.network/1"'),
    "format a number": (put("format", 1), "format", "something other than a string"),
    "format of great length": (put("format", "x" * 10**6), "format", "found '" + "x" * 60 + "'"),
    "no input": (json.dumps({k: v for k, v in BASE.items() if k != "input"}).encode(), "", "`input`"),
    "unknown key": (put("comment", "x"), "", "`comment`"),
    "unknown key of a layer": (put("layers.0.stride", 1), "layers[0]", "`stride`"),
    "unknown key of a step": (put("layers.0.then.0.low", 1), "layers[0].then[0]", "`low`"),
    "key in another case": (put("layers.1.Bias", [0, 0, 0, 0]), "layers[1]", "`Bias`"),
    "top key in another case": (put("Name", "x"), "", "`Name`"),
    "duplicate key": (inserted('"layers"', '"name": "again", '), "name", "every key once"),
    "duplicate key of a layer": (inserted('"bias"', '"op": "dense", '), "layers[0].op", "every key once"),
    "no op": (
        json.dumps(BASE).replace('"op": "dense", "name"', '"name"').encode(),
        "layers[0]",
        "missing required field `op`",
    ),
    "unknown op": (put("layers.1.op", "conv"), "layers[1].op", "expected dense"),
    "weight above S_δ": (
        put("layers.1.weights.3.0", 9),
        "layers[1].weights[3][0]",
        "expected an integer from -8 to 8 (precision_bits 3), found 9",
    ),
    "weight below S_δ": (
        put("layers.0.weights.0.1", -17),
        "layers[0].weights[0][1]",
        "expected an integer from -16 to 16 (precision_bits 4), found -17",
    ),
    "least integer as a weight": (
        put("layers.0.weights.0.1", -(2**63)),
        "layers[0].weights[0][1]",
        f"expected an integer from -16 to 16 (precision_bits 4), found {-(2**63)}",
    ),
    "encoded weight above S_δ": (
        put("layers.1.weights", encode([[1, -2], [8, 8], [0, 0], [9, 3]], "int8")),
        "layers[1].weights[3][0]",
        "expected an integer from -8 to 8 (precision_bits 3), found 9",
    ),
    "ragged, short": (
        put("layers.1.weights.2", [0]),
        "layers[1].weights[2]",
        "expected 2 entries as in the first row, found 1",
    ),
    "ragged, long": (
        put("layers.0.weights.1", [0, 7, 1]),
        "layers[0].weights[1]",
        "expected 2 entries as in the first row, found 3",
    ),
    "first layer does not fit the input": (
        put("layers.0.weights", [[3], [0]]),
        "layers[0].weights[0]",
        "expected 2 columns, one per input, found 1",
    ),
    "second layer does not fit the first": (
        put("layers.1.weights", [[1, 2, 3]]),
        "layers[1].weights[0]",
        "expected 2 columns, one per input, found 3",
    ),
    "no column for a constant": (
        put("layers.1.constants", [4]),
        "layers[1].weights[0]",
        "expected 2 + 1 columns, one per input and constant, found 2",
    ),
    "float": (literal("0.5"), "layers[0].bias[1]", "expected an integer, found 0.5"),
    "1.0": (literal("1.0"), "layers[0].bias[1]", "expected an integer, found 1.0"),
    "1e3": (literal("1e3"), "layers[0].bias[1]", "expected an integer, found 1e3"),
    "1e999": (literal("1e999"), "layers[0].bias[1]", "expected an integer, found 1e999"),
    "NaN": (literal("NaN"), "layers[0].bias[1]", "expected an integer, found NaN"),
    "Infinity": (literal("Infinity"), "layers[0].bias[1]", "expected an integer, found Infinity"),
    "-Infinity": (literal("-Infinity"), "layers[0].bias[1]", "expected an integer, found -Infinity"),
    "2^63": (literal(str(2**63)), "layers[0].bias[1]", INT64 + "9223372036854775808"),
    "-2^63 - 1": (literal(str(-(2**63) - 1)), "layers[0].bias[1]", INT64 + "-9223372036854775809"),
    "an integer of a million digits": (literal("7" * 10**6), "layers[0].bias[1]", INT64 + "7777"),
    "leading zero": (literal("0256"), "", "expected JSON"),
    "hexadecimal": (literal("0x10"), "", "expected JSON"),
    "true for 1": (literal("true"), "layers[0].bias[1]", "bool"),
    "a string for an integer": (literal('"256"'), "layers[0].bias[1]", "str"),
    "null for an integer": (literal("null"), "layers[0].bias[1]", "null"),
    "low > high": (put("input.low", 17), "input.low", "expected low ≤ high, found 17 > 16"),
    "low > high in one feature": (put("input.low", [0, 17]), "input.low[1]", "expected low ≤ high, found 17 > 16"),
    "high < low in one feature": (put("input.high", [0, -17]), "input.high[1]", "found -16 > -17"),
    "encoded low > high": (put("input.low", encode([0, 17])), "input.low[1]", "found 17 > 16"),
    "low too short": (put("input.low", [0]), "input.low", "expected one integer per feature, 2, found 1"),
    "high too long": (put("input.high", [0, 0, 0]), "input.high", "expected one integer per feature, 2, found 3"),
    "encoded low too short": (put("input.low", encode([0])), "input.low", "one integer per feature, 2, found 1"),
    "encoded low in another shape": (
        put("input.low", encode([[0, 0]])),
        "input.low.shape",
        "expected one dimension, found 2",
    ),
    "shape empty": (put("input.shape", []), "input.shape", ">= 1"),
    "shape with 0": (put("input.shape", [2, 0]), "input.shape[1]", ">= 1"),
    "shape negative": (put("input.shape", [-2]), "input.shape[0]", ">= 1"),
    "negative input precision": (put("input.precision_bits", -1), "input.precision_bits", ">= 0"),
    "negative precision": (put("layers.0.precision_bits", -1), "layers[0].precision_bits", ">= 0"),
    "61 bits": (put("layers.0.precision_bits", 61), "layers[0].precision_bits", "<= 60"),
    "layers empty": (put("layers", []), "layers", ">= 1"),
    "layers an object": (put("layers", {}), "layers", "array"),
    "weights empty": (put("layers.1.weights", []), "layers[1].weights", "at least one row and one column"),
    "a row empty": (put("layers.1.weights", [[], []]), "layers[1].weights", "at least one row and one column"),
    "weights flat": (put("layers.1.weights", [1, 2]), "layers[1].weights[0]", "array"),
    "weights too deep": (put("layers.1.weights", [[[1]]]), "layers[1].weights[0][0]", "array"),
    "bias short": (put("layers.0.bias", [1]), "layers[0].bias", "expected one integer per output, 2, found 1"),
    "bias empty": (put("layers.0.bias", []), "layers[0].bias", "expected one integer per output, 2, found 0"),
    "bias a number": (put("layers.0.bias", 1), "layers[0].bias", "int"),
    "unknown step": (put("layers.0.then.0.op", "gelu"), "layers[0].then[0].op", "relu, requantize"),
    "step without op": (put("layers.0.then.0", {}), "layers[0].then[0]", "`op`"),
    "negative shift": (put("layers.0.then.1.shift", -1), "layers[0].then[1].shift", "from 0 to 1024, found -1"),
    "shift of 1025": (put("layers.0.then.1.shift", 1025), "layers[0].then[1].shift", "from 0 to 1024, found 1025"),
    "wrong rounding": (
        put("layers.0.then.1.rounding", "nearest"),
        "layers[0].then[1].rounding",
        "expected floor, half_up, half_even, half_away, toward_zero, found 'nearest'",
    ),
    "clamp low > high": (
        put("layers.0.then.0", {"op": "clamp", "low": 3, "high": -3}),
        "layers[0].then[0]",
        "expected low ≤ high, found 3 > -3",
    ),
    "unknown dtype": (
        put("layers.0.bias", {"shape": [2], "dtype": "float64", "data": ""}),
        "layers[0].bias.dtype",
        "expected int8, int16",
    ),
    "base64 of another length": (
        put("layers.0.bias", encode([0, 256, 1], "int16") | {"shape": [2]}),
        "layers[0].bias.data",
        "expected 4 bytes for [2] of int16, found 6",
    ),
    "base64 with unused bits": (
        put("layers.0.bias", {"shape": [2], "dtype": "int8", "data": "AAB="}),
        "layers[0].bias.data",
        "canonical base64",
    ),
    "base64 not padded": (
        put("layers.0.bias", {"shape": [2], "dtype": "int8", "data": "AAA"}),
        "layers[0].bias.data",
        "expected base64",
    ),
    "base64 with white space": (
        put("layers.0.bias", {"shape": [2], "dtype": "int8", "data": "AAA=\n"}),
        "layers[0].bias.data",
        "base64",
    ),
    "encoded shape without its columns": (
        put("layers.0.weights", encode([[3, -16], [0, 7]]) | {"shape": [4]}),
        "layers[0].weights.shape",
        "expected two dimensions above 0, found [4]",
    ),
    "encoded shape transposed": (
        put("layers.1.weights", encode([[1, -2], [8, 8], [0, 0], [-8, 3]]) | {"shape": [2, 4]}),
        "layers[1].weights[0]",
        "expected 2 columns, one per input, found 4",
    ),
    "encoded shape negative": (
        put("layers.0.weights", encode([[3, -16], [0, 7]]) | {"shape": [-2, -2]}),
        "layers[0].weights.shape[0]",
        ">= 0",
    ),
    "scale negative": (put("input.scale", "-0.5"), "input.scale", "expected a decimal number as a string"),
    "scale of the output": (put("output", {"scale": "1/3"}), "output.scale", "found '1/3'"),
    "scale a number": (put("input.scale", 1), "input.scale", "int"),
    "scale null": (put("input.scale", None), "input.scale", "null"),
    "nested arrays": (b"[" * NESTED, "", "nested less deeply"),
    "nested arrays, closed": (b"[" * NESTED + b"]" * NESTED, "", "nested less deeply"),
    "nested objects": (b'{"a":' * NESTED + b"1" + b"}" * NESTED, "", "nested less deeply"),
    "nested within a layer": (literal("[" * NESTED + "]" * NESTED), "", "nested less deeply"),
    "nested 50 deep": (literal("[" * 50 + "]" * 50), "layers[0].bias[1]", "array"),
    "nested 500 deep": (literal("[" * 500 + "]" * 500), "", "nested less deeply"),
    "format nested 50 deep": (
        json.dumps(BASE).replace('"certify.network/1"', "[" * 50 + "]" * 50).encode(),
        "format",
        "something other than a string",
    ),
}


def claim(path: str, *shape: int) -> bytes:
    """The base document with an encoded tensor there that claims this shape and has no data."""
    return put(path, {"shape": list(shape), "dtype": "int64", "data": ""})


# Sizes that must be refused before anything of that size is made.
HUGE: dict[str, tuple[bytes, str, str]] = {
    "2^40 features": (put("input.shape", [2**40]), "input.shape", f"found {2**40}"),
    "2^24 features": (put("input.shape", [2**24]), "input.shape", f"found {2**24} features in"),
    "2^31 · 2^31 features": (put("input.shape", [2**31, 2**31]), "input.shape", f"found {2**62}"),
    "2^32 · 2^32 features": (put("input.shape", [2**32, 2**32]), "input.shape", f"found {2**64}"),
    "features beyond what can be printed": (put("input.shape", [2**62] * 400), "input.shape", "<= 8"),
    "a shape of many ones": (put("input.shape", [2] + [1] * 70), "input.shape", "<= 8"),
    "2^40 rows": (claim("layers.0.weights", 2**40, 1), "layers[0].weights.shape", f"found {2**40}"),
    "2^31 · 2^31 weights": (claim("layers.0.weights", 2**31, 2**31), "layers[0].weights.shape", f"found {2**62}"),
    "2^32 · 2^32 weights": (claim("layers.0.weights", 2**32, 2**32), "layers[0].weights.shape", f"found {2**64}"),
    "0 · 2^62 weights": (claim("layers.0.weights", 0, 2**62), "layers[0].weights.shape", "above 0"),
    "0 · 2^62 · 2^62 weights": (claim("layers.0.weights", 0, 2**62, 2**62), "layers[0].weights.shape", "above 0"),
    "weights beyond what can be printed": (
        claim("layers.0.weights", *[2**62] * 400),
        "layers[0].weights.shape",
        "<= 8",
    ),
    "weights of many dimensions": (claim("layers.0.weights", *[1] * 70), "layers[0].weights.shape", "<= 8"),
    "2^40 biases": (claim("layers.0.bias", 2**40), "layers[0].bias.shape", f"found {2**40}"),
    "0 · 2^62 · 2^62 biases": (claim("layers.0.bias", 0, 2**62, 2**62), "layers[0].bias.shape", "found 3"),
    "biases of many dimensions": (claim("layers.0.bias", *[1] * 70), "layers[0].bias.shape", "<= 8"),
    "2^40 bounds": (claim("input.low", 2**40), "input.low.shape", f"found {2**40}"),
    "2^31 · 2^31 bounds": (claim("input.high", 2**31, 2**31), "input.high.shape", "found 2"),
    "bounds beyond what can be printed": (claim("input.high", *[2**62] * 400), "input.high.shape", "<= 8"),
}


@pytest.mark.parametrize(("data", "place", "problem"), BAD.values(), ids=BAD)
def test_bad_input(data, place, problem):
    check_refused(data, place, problem)


@pytest.mark.parametrize(("data", "place", "problem"), HUGE.values(), ids=HUGE)
def test_huge_shapes_are_refused_before_anything_is_allocated(data, place, problem):
    check_refused_at_once(data, place, problem)


@pytest.mark.parametrize("text", [pytest.param(str(2**63 - 1), id="most"), pytest.param(str(-(2**63)), id="least")])
def test_the_ends_of_int64_are_integers(text):
    assert read_network(literal(text)).layers[0].bias[1] == int(text)


@given(documents(encoded=False), st.data())
def test_both_forms_of_a_tensor_give_the_same_network(document, data):
    def encoded(tensor: Any) -> Any:
        if not isinstance(tensor, list):
            return tensor
        flat = [x for row in tensor for x in (row if isinstance(row, list) else [row])]
        fitting = [name for name, (low, high) in DTYPES.items() if all(low <= x <= high for x in flat)]
        return encode(tensor, data.draw(st.sampled_from(fitting)))

    other = copy.deepcopy(document)
    other["input"] |= {name: encoded(other["input"][name]) for name in ("low", "high")}
    for layer in other["layers"]:
        layer |= {name: encoded(layer[name]) for name in ("weights", "bias", "constants") if name in layer}
    one, two = (read_network(json.dumps(written).encode()) for written in (document, other))
    assert one.input == two.input
    for left, right in zip(one.layers, two.layers, strict=True):
        assert left.weights.to_dense().tolist() == right.weights.to_dense().tolist()
        assert (left.bias, left.constants, left.steps) == (right.bias, right.constants, right.steps)


@given(documents())
def test_what_is_read_is_what_the_oracle_reads(document):
    network = read_network(json.dumps(document).encode())
    assert list(network.input.low) == naive.bounds(document, "low")
    assert list(network.input.high) == naive.bounds(document, "high")
    for layer, written in zip(network.layers, document["layers"], strict=True):
        assert layer.weights.to_dense().tolist() == naive.integers(written["weights"])
        assert list(layer.constants) == naive.integers(written.get("constants", []))
        assert list(layer.bias) == naive.integers(written.get("bias", [0] * layer.outputs))


def read_or_refuse(data: bytes) -> None:
    """Anything but a network or an InputError fails the test."""
    try:
        read_network(data)
    except InputError as error:
        assert error.problem  # noqa: PT017 - most bytes are refused and some are not


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_else(data):
    read_or_refuse(data)


@given(st.data())
def test_damaged_documents_raise_nothing_else(data):
    document = bytearray(json.dumps(data.draw(st.sampled_from([BASE, data.draw(documents())]))).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(document)))
        end = data.draw(st.integers(start, min(len(document), start + 20)))
        piece = st.binary(max_size=4) | st.sampled_from(
            [b"[", b"{", b'"', b",", b"-", b"9" * 30, b"\\u", b"e5", b"null"]
        )
        document[start:end] = data.draw(piece)
    read_or_refuse(bytes(document))


def test_an_error_comes_whole_out_of_a_worker_process():
    error = pickle.loads(pickle.dumps(InputError("expected an integer, found 1.0", "layers[0].bias[1]")))
    assert (error.place, error.problem) == ("layers[0].bias[1]", "expected an integer, found 1.0")
