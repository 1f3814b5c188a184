"""What of a model becomes the network, and what is refused, by operator and tensor."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tflite_models import (
    DEPLOYED,
    Layer,
    Model,
    Operator,
    Tensor,
    between,
    chain,
    dense,
    integers,
    number,
    numbers,
    subtable,
)

from certify.errors import InputError
from certify.network.evaluate import evaluate
from certify.network.model import Display
from certify.network.rounding import RULES
from certify.network.steps import Clamp, Offset, RequantizeQ31
from certify.network.tflite import SUPPORTED_OPERATORS, is_tflite, read_tflite

INPUT, WEIGHTS, BIAS, OUTPUT = range(4)
TWO = [
    Layer([[1, -2, 3], [4, 0, -128]], (0.5,), [7, -9], 0.25, -128, "RELU"),
    Layer([[100, 127]], (0.25,), None, 0.5, 3),
]


def one(**changes: Any) -> Model:
    """Return a model of one layer: tensors input, weights0, bias0, layer0."""
    layer = Layer([[1, -2, 3], [4, 0, -5]], (0.5,), [7, -9], 0.25, 1)
    return chain([replace(layer, **changes)])


def ecg() -> bytes:
    return DEPLOYED["ecg5000_autoencoder"].read_bytes()


def test_a_layer_is_its_weights_bias_and_steps() -> None:
    network = read_tflite(chain(TWO, 0.05, -3).pack(), "single").network
    first, second = network.layers
    assert first.weights.to_dense().tolist() == [[1, -2, 3], [4, 0, -128]]
    assert (first.precision_bits, first.bias, first.constants, first.name) == (7, (7, -9), (), "layer0")
    assert [type(step) for step in first.steps] == [RequantizeQ31, Clamp, Offset]
    assert first.steps[1:] == (Clamp(-128, 127), Offset(128))
    assert (second.bias, second.name) == ((0,), "layer1")
    assert [type(step) for step in second.steps] == [RequantizeQ31, Clamp]
    assert network.name == "built"


def test_the_input_is_every_int8_less_its_zero_point() -> None:
    network = read_tflite(chain(TWO, 0.05, -3).pack(), "single").network
    box = network.input
    assert (box.shape, box.low, box.high, box.precision_bits) == ((3,), (-125,) * 3, (130,) * 3, 0)
    assert box.display == Display("0.05")
    assert network.output == Display("0.5", 3)
    assert network.output_precision_bits() == 0


def test_a_point_by_hand() -> None:
    # x = (2, 1, 1): accumulators 2 - 2 + 3 + 7 = 10 and 8 - 128 - 9 = -129, times 0.05 · 0.5 / 0.25 = 0.1,
    # less 128 and clamped: q = -127 and -128, x = 1 and 0. Then 100 · 0.25 · 0.25 / 0.5 = 12.5, plus 3.
    network = read_tflite(chain(TWO, 0.05).pack(), "single").network
    assert evaluate(network, (2, 1, 1)) == (16,)


@pytest.mark.parametrize(
    ("model", "after", "source", "before", "target"),
    [
        (chain(TWO), "", "input", "", "layer1"),
        (between(chain(TWO)), "QUANTIZE", "input", "DEQUANTIZE", "layer1"),
        (between(chain(TWO), before="LOGISTIC"), "QUANTIZE", "input", "LOGISTIC", "layer1"),
        (
            chain(TWO)
            .then("SOFTMAX", Tensor("likely", (1, 1)))
            .then("DEQUANTIZE", Tensor("real", (1, 1), "FLOAT32")),
            "",
            "input",
            "SOFTMAX",
            "layer1",
        ),
        (
            chain(TWO)
            .then("LOGISTIC", Tensor("likely", (1, 1)))
            .then("RESHAPE", Tensor("flat", (1,)), [integers("shape", [1])]),
            "",
            "input",
            "LOGISTIC",
            "layer1",
        ),
        (
            chain(TWO).then("RESHAPE", Tensor("flat", (1,), "INT8", (0.5,), (3,)), [integers("shape", [-1])]),
            "",
            "input",
            "",
            "flat",
        ),
    ],
    ids=["int8 alone", "dequantize", "logistic", "softmax and dequantize", "reshape after", "reshape at the end"],
)
def test_where_the_claim_starts_and_ends(model: Model, after: str, source: str, before: str, target: str) -> None:
    found = read_tflite(model.pack(), "single")
    assert (found.after, found.input_tensor, found.before, found.output_tensor) == (after, source, before, target)
    assert [layer.name for layer in found.network.layers] == ["layer0", "layer1"]


@pytest.mark.parametrize(
    ("name", "parameters", "shape", "ends"),
    [
        ("ecg5000_autoencoder", 10_240, (140,), "LOGISTIC"),
        ("mlperf_tiny_anomaly_detection", 264_192, (5, 128, 1), "DEQUANTIZE"),
    ],
)
def test_deployed_models(name: str, parameters: int, shape: tuple[int, ...], ends: str) -> None:
    for rule in RULES:
        found = read_tflite(DEPLOYED[name].read_bytes(), rule)
        assert (found.network.parameters, found.network.input.shape) == (parameters, shape)
        assert (found.after, found.before, found.notes) == ("QUANTIZE", ends, ())


def test_a_float32_and_a_uint8_input_are_quantized_outside_the_claim() -> None:
    model = between(chain(TWO))
    unsigned = model.with_tensor(model.inputs[0], dtype="UINT8", scales=(0.1,), zeros=(128,))
    assert {read_tflite(built.pack(), "single").after for built in (model, unsigned)} == {"QUANTIZE"}


@pytest.mark.parametrize("shape", [(1, 3), (3,), (1, 1, 3), (1, 3, 1, 1)], ids=str)
def test_an_input_of_any_rank_is_one_row(shape: tuple[int, ...]) -> None:
    network = read_tflite(one().with_tensor(INPUT, shape=shape).pack(), "single").network
    assert network.input.features == 3


def test_a_batch_that_is_left_open_is_taken_as_one() -> None:
    model = one().with_tensor(INPUT, signature=(-1, 3)).with_tensor(OUTPUT, signature=(-1, 2))
    assert read_tflite(model.pack(), "single").network.input.features == 3


def test_dimensions_may_be_kept() -> None:
    kept = one().with_operator(0, options=dense(keep_dims=True))
    model = kept.with_tensor(INPUT, shape=(1, 1, 3)).with_tensor(OUTPUT, shape=(1, 1, 2))
    assert read_tflite(model.pack(), "single").network.outputs == 2


@pytest.mark.parametrize("inputs", [(INPUT, WEIGHTS), (INPUT, WEIGHTS, -1)], ids=["two inputs", "left out"])
def test_a_layer_without_bias(inputs: tuple[int, ...]) -> None:
    network = read_tflite(one().with_operator(0, inputs=inputs).pack(), "single").network
    assert network.layers[0].bias == (0, 0)


def test_multipliers_are_one_for_all_outputs_unless_they_differ() -> None:
    same = read_tflite(one(scales=(0.5, 0.5)).pack(), "single").network.layers[0].steps[0]
    assert isinstance(same, RequantizeQ31)
    assert isinstance(same.multiplier, int)
    doubled = read_tflite(one(scales=(0.5, 1.0)).pack(), "single").network.layers[0].steps[0]
    assert isinstance(doubled, RequantizeQ31)
    assert doubled.multiplier == same.multiplier
    assert doubled.shift == (same.shift, same.shift - 1)
    three = read_tflite(one(scales=(0.5, 0.75)).pack(), "single").network.layers[0].steps[0]
    assert isinstance(three, RequantizeQ31)
    assert isinstance(three.multiplier, tuple)


def test_an_activation_of_its_own_is_a_clamp() -> None:
    model = chain(TWO[:1])
    model = model.then("RELU6", replace(model.tensors[-1], name="bounded"))
    weights = Tensor("weights1", (1, 2), "INT8", (0.25,), (0,), bytes([1, 2]))
    output = Tensor("layer1", (1, 1), "INT8", (0.5,), (0,))
    model = model.then("FULLY_CONNECTED", output, [weights], options_type=8, options=dense())
    first = read_tflite(model.pack(), "single").network.layers[0]
    assert first.steps[1:] == (Clamp(-128, 127), Clamp(-128, -104), Offset(128))


def test_an_activation_before_all_layers_is_a_layer_of_its_own() -> None:
    ends = [Tensor(name, (1, 3), "INT8", (0.5,), (4,)) for name in "ab"]
    network = read_tflite(Model((ends[0],), ()).then("RELU", ends[1]).pack(), "single").network
    assert [evaluate(network, (x, 0, x)) for x in (-132, -1, 0, 123)] == [(4, 4, 4)] * 3 + [(127, 4, 127)]


@pytest.mark.parametrize("operator", ["SQUEEZE", "EXPAND_DIMS"])
def test_trivial_changes_of_shape(operator: str) -> None:
    model = chain(TWO[:1])
    model = model.then(operator, replace(model.tensors[-1], name="other", shape=(2, 1)))
    assert len(read_tflite(model.pack(), "single").network.layers[0].steps) == 2


def test_notes_name_a_layer_that_may_leave_int32() -> None:
    wide = one(bias=[2**31 - 1, 0], output_scale=2.0**20)
    (note,) = read_tflite(wide.pack(), "single").notes
    assert "layer 'layer0': an accumulator may lie from" in note
    scaled = one(bias=[2**28, 0], output_scale=0.001)
    assert [len(read_tflite(scaled.pack(), rule).notes) for rule in RULES] == [1, 1, 0]
    assert read_tflite(one().pack(), "single").notes == ()


def _quantization(index: int, **fields: Any) -> Any:
    """Return a change of one tensor's quantization in a model of one layer."""
    return lambda: one().with_tensor(index, **fields)


def _then(operator: str, **fields: Any) -> Model:
    output = Tensor("after", (1, 2), "INT8", (0.25,), (1,))
    return one().then(operator, replace(output, **fields))


def _branch() -> Model:
    model = chain([TWO[0], Layer([[100, 127, 3]], (0.25,), None, 0.5, 3)])
    return model.with_operator(1, inputs=(INPUT, *model.operators[1].inputs[1:]))


def _quantize_of_int16() -> Model:
    model = between(one())
    return model.with_tensor(model.inputs[0], dtype="INT16")


SCALE = 0.05 * 0.5
REFUSED: dict[str, tuple[Any, str, str]] = {
    # Types.
    "float activations": (
        _quantization(INPUT, dtype="FLOAT32"),
        "operator 0 FULLY_CONNECTED, tensor 'input'",
        "QUANT",
    ),
    "uint8 activations": (_quantization(INPUT, dtype="UINT8"), "operator 0 FULLY_CONNECTED, tensor 'input'", "UINT8"),
    "int16 activations": (_quantization(INPUT, dtype="INT16"), "operator 0 FULLY_CONNECTED, tensor 'input'", "INT16"),
    "a float result": (_quantization(OUTPUT, dtype="FLOAT32"), "operator 0 FULLY_CONNECTED, tensor 'layer0'", "INT8"),
    "float weights": (_quantization(WEIGHTS, dtype="FLOAT32"), "tensor 'weights0'", "found FLOAT32"),
    "int4 weights": (_quantization(WEIGHTS, dtype="INT4"), "tensor 'weights0'", "found INT4"),
    "int64 bias": (_quantization(BIAS, dtype="INT64"), "tensor 'bias0'", "expected INT32, found INT64"),
    # Scales and zero points.
    "no quantization": (_quantization(INPUT, scales=(), zeros=()), "tensor 'input'", "found no quantization"),
    "no scales of weights": (_quantization(WEIGHTS, scales=(), zeros=()), "tensor 'weights0'", "no quantization"),
    "no scales of a bias": (_quantization(BIAS, scales=(), zeros=()), "tensor 'bias0'", "no quantization"),
    "a scale of 0": (_quantization(OUTPUT, scales=(0.0,)), "tensor 'layer0'", "positive scales of finite size"),
    "a scale below 0": (_quantization(WEIGHTS, scales=(-0.5,)), "tensor 'weights0'", "found -0.5"),
    "a scale that is NaN": (_quantization(WEIGHTS, scales=(float("nan"),)), "tensor 'weights0'", "found nan"),
    "an infinite scale": (_quantization(INPUT, scales=(float("inf"),)), "tensor 'input'", "found inf"),
    "a zero point too large": (_quantization(OUTPUT, zeros=(128,)), "tensor 'layer0'", "from -128 to 127, found 128"),
    "a zero point too small": (_quantization(INPUT, zeros=(-(2**40),)), "tensor 'input'", "found -1099511627776"),
    "a zero point of weights": (_quantization(WEIGHTS, zeros=(1,)), "tensor 'weights0'", "zero points 0, found 1"),
    "a zero point of a bias": (_quantization(BIAS, zeros=(-2,)), "tensor 'bias0'", "zero points 0, found -2"),
    "two scales of an activation": (
        _quantization(OUTPUT, scales=(0.1, 0.2), zeros=(0, 0)),
        "tensor 'layer0'",
        "expected one scale, found 2",
    ),
    "too many scales": (
        _quantization(WEIGHTS, scales=(0.1, 0.2, 0.3), zeros=(0, 0, 0)),
        "tensor 'weights0'",
        "expected 1 scale or 2, found 3",
    ),
    "fewer zero points than scales": (
        _quantization(WEIGHTS, scales=(0.1, 0.2)),
        "tensor 'weights0'",
        "as many zero points as scales, 2, found 1",
    ),
    "scales along another dimension": (_quantization(WEIGHTS, dimension=1), "tensor 'weights0'", "along dimension 0"),
    "quantization details": (
        lambda: one().with_tensor(WEIGHTS, more={4: subtable({4: number("Uint8", 1)})}),
        "tensor 'weights0'",
        "found details of type 1",
    ),
    "a bias of another scale": (_quantization(BIAS, scales=(SCALE + 0.006,)), "tensor 'bias0'", "found 0.0309"),
    "a bias with more scales": (
        _quantization(BIAS, scales=(SCALE, SCALE), zeros=(0, 0)),
        "tensor 'bias0'",
        "as many scales as the weights, 1, found 2",
    ),
    "a factor that is too large": (lambda: one(bias=None, output_scale=1e-12), "tensor 'layer0'", "below 2^30"),
    "a factor that overflows": (
        lambda: one(bias=None, scales=(3e38,), output_scale=1e-38),
        "tensor 'layer0'",
        "below 2^30",
    ),
    # Shapes and data.
    "a dynamic feature": (_quantization(INPUT, signature=(1, -1)), "tensor 'input'", "fixed but for a batch of 1"),
    "a dynamic batch of two": (
        lambda: one().with_tensor(INPUT, shape=(2, 3), signature=(-1, 3)),
        "tensor 'input'",
        "found [-1, 3] for [2, 3]",
    ),
    "a signature of another rank": (_quantization(INPUT, signature=(-1, 3, 1)), "tensor 'input'", "fixed but for"),
    "two rows": (_quantization(INPUT, shape=(2, 3)), "tensor 'input'", "one row of 3 values, found 6 of them"),
    "a dimension of 0": (_quantization(INPUT, shape=(0, 3)), "tensor 'input'", "at least 1, found [0, 3]"),
    "nine dimensions": (_quantization(INPUT, shape=(1,) * 8 + (3,)), "tensor 0 'input'", "at most 8 dimensions"),
    "another result": (_quantization(OUTPUT, shape=(2, 1)), "tensor 'layer0'", "expected the shape [1, 2]"),
    "weights of three dimensions": (_quantization(WEIGHTS, shape=(2, 3, 1)), "tensor 'weights0'", "2 dimensions"),
    "weights that are not constant": (_quantization(WEIGHTS, data=None), "tensor 'weights0'", "expected a constant"),
    "weights of another length": (_quantization(WEIGHTS, data=bytes(5)), "tensor 'weights0'", "6 bytes, found 5"),
    "a bias of another length": (_quantization(BIAS, data=bytes(9)), "tensor 'bias0'", "8 bytes, found 9"),
    "a bias of another shape": (_quantization(BIAS, shape=(1, 2)), "tensor 'bias0'", "expected the shape [2]"),
    "an activation with data": (_quantization(INPUT, data=bytes(3)), "tensor 'input'", "found a constant"),
    "a result with data": (_quantization(OUTPUT, data=bytes(2)), "tensor 'layer0'", "nothing else fills"),
    "a variable": (
        lambda: one().with_tensor(INPUT, more={5: number("Bool", True)}),
        "tensor 'input'",
        "dense tensor, found is_variable",
    ),
    "sparse weights": (
        lambda: one().with_tensor(WEIGHTS, more={6: subtable({})}),
        "operator 0 FULLY_CONNECTED, tensor 'weights0'",
        "dense tensor, found sparsity",
    ),
    "a buffer behind the flatbuffer": (
        lambda: replace(one(), buffer_more={1: number("Uint64", 4096), 2: number("Uint64", 6)}),
        "tensor 0 'input'",
        "inside the flatbuffer",
    ),
    "no such buffer": (
        lambda: one().with_tensor(INPUT, more={2: number("Uint32", 99)}),
        "tensor 0 'input'",
        "a buffer below 5, found 99",
    ),
    # Operators.
    "an operator that is not read": (lambda: _then("MUL"), "operator 1 MUL", "found MUL"),
    "a custom operator": (lambda: _then("CUSTOM"), "operator 1 CUSTOM 'Mystery'", "found CUSTOM"),
    "tanh, fused": (lambda: one(activation="TANH"), "operator 0 FULLY_CONNECTED, tensor 'layer0'", "found TANH"),
    "sign bit, fused": (lambda: one(activation="SIGN_BIT"), "tensor 'layer0'", "found SIGN_BIT"),
    "an unknown activation": (
        lambda: one().with_operator(0, options={0: number("Int8", 9)}),
        "tensor 'layer0'",
        "found number 9",
    ),
    "shuffled weights": (
        lambda: one().with_operator(0, options=dense(weights_format=1)),
        "tensor 'weights0'",
        "found SHUFFLED4x16INT8",
    ),
    "options of another operator": (
        lambda: one().with_operator(0, options_type=59, options={}),
        "operator 0 FULLY_CONNECTED",
        "expected FullyConnectedOptions, found options of type 59",
    ),
    "weights left out": (
        lambda: one().with_operator(0, inputs=(INPUT, -1)),
        "operator 0 FULLY_CONNECTED",
        "an activation, weights and at most a bias",
    ),
    "four inputs": (lambda: one().with_operator(0, inputs=(INPUT, WEIGHTS, BIAS, BIAS)), "FULLY_CONNECTED", "a bias"),
    "two results": (
        lambda: replace(one().with_operator(0, outputs=(OUTPUT, OUTPUT)), outputs=(OUTPUT,)),
        "FULLY_CONNECTED",
        "one output, found 2",
    ),
    "no result": (
        lambda: replace(one().with_operator(0, outputs=()), outputs=(OUTPUT,)),
        "FULLY_CONNECTED",
        "one output, found 0",
    ),
    "a result left out": (
        lambda: replace(one().with_operator(0, outputs=(-1,)), outputs=(OUTPUT,)),
        "FULLY_CONNECTED",
        "found an operand left out",
    ),
    "no such operand": (
        lambda: one().with_operator(0, inputs=(INPUT, 77)),
        "operator 0 FULLY_CONNECTED",
        "from 0 to 3, found 77",
    ),
    "65 operands": (lambda: one().with_operator(0, inputs=(0,) * 65), "operator 0 FULLY_CONNECTED", "at most 64"),
    "a branch that leads nowhere": (_branch, "tensor 'layer0'", "expected the operators to end at tensor 'layer1'"),
    "a tensor written twice": (
        lambda: chain(TWO).with_operator(1, outputs=(OUTPUT,)),
        "operator 1 FULLY_CONNECTED, tensor 'layer0'",
        "nothing else fills",
    ),
    "quantize of a tensor that nothing wrote": (
        lambda: between(one()).with_operator(0, inputs=(OUTPUT,)),
        "operator 0 QUANTIZE, tensor 'layer0'",
        "QUANTIZE of the model's input, or of an activation",
    ),
    "quantize of another shape": (
        lambda: between(one()).with_tensor(INPUT, shape=(3, 1)),
        "operator 0 QUANTIZE, tensor 'input'",
        "expected the shape [1, 3]",
    ),
    "quantize of int16": (
        _quantize_of_int16,
        "operator 0 QUANTIZE, tensor 'float_input'",
        "expected FLOAT32 or UINT8, found INT16",
    ),
    "a layer after the end": (
        lambda: _then("SOFTMAX").then("RELU", Tensor("more", (1, 2))),
        "operator 1 SOFTMAX, tensor 'after'",
        "expected SOFTMAX at the end, followed by nothing but DEQUANTIZE, LOGISTIC, SOFTMAX, RESHAPE",
    ),
    "an activation that requantizes": (
        lambda: _then("RELU", scales=(0.5,)),
        "tensor 'after'",
        "0.25 and 1, found 0.5",
    ),
    "an activation of another shape": (lambda: _then("RELU", shape=(2, 1)), "tensor 'after'", "the shape [1, 2]"),
    "a reshape that requantizes": (
        lambda: _then("SQUEEZE", zeros=(2,)),
        "tensor 'after'",
        "0.25 and 1, found 0.25 and",
    ),
    "a squeeze of another size": (lambda: _then("SQUEEZE", shape=(3,)), "tensor 'after'", "2 elements, found 3"),
    "a reshape without target": (lambda: _then("RESHAPE"), "operator 1 RESHAPE", "a shape as second input or option"),
    "a reshape to another shape": (
        lambda: _then("RESHAPE").with_operator(1, options_type=17, options={0: numbers("Int32", [2])}),
        "operator 1 RESHAPE, tensor 'after'",
        "expected the shape [2], found [1, 2]",
    ),
    "a reshape to another size": (
        lambda: _then("RESHAPE").with_operator(1, options_type=17, options={0: numbers("Int32", [3])}),
        "operator 1 RESHAPE",
        "a shape of 2 elements, found [3]",
    ),
    "a reshape to a shape that is not constant": (
        lambda: one().then("RESHAPE", Tensor("r", (1, 2), "INT8", (0.25,), (1,)), [Tensor("shape", (2,), "INT32")]),
        "operator 1 RESHAPE, tensor 'shape'",
        "expected a constant",
    ),
    "a shape of an unwritten tensor": (
        lambda: Model((*one().tensors, Tensor("s", (2,), "INT32")), (Operator("SHAPE", (OUTPUT,), (4,)),)),
        "operator 0 SHAPE, tensor 'layer0'",
        "written before",
    ),
    # The model.
    "no layer": (lambda: replace(one(), operators=(), outputs=(INPUT,)), "", "at least one operator that computes"),
    "an end that is not the output": (
        lambda: replace(one(), outputs=(INPUT,)),
        "tensor 'layer0'",
        "the model's output",
    ),
    "two inputs": (lambda: replace(one(), inputs=(INPUT, BIAS)), "subgraphs[0].inputs", "one of the inputs, found 2"),
    "two outputs": (lambda: replace(one(), outputs=(INPUT, OUTPUT)), "subgraphs[0].outputs", "found 2"),
    "no such input": (lambda: replace(one(), inputs=(-1,)), "subgraphs[0].inputs", "from 0 to 3, found -1"),
    "two subgraphs": (lambda: replace(one(), subgraphs=2), "subgraphs", "one of the subgraphs, found 2"),
    "another version": (lambda: replace(one(), version=2), "version", "schema version 3, found 2"),
}


@pytest.mark.parametrize(("build", "place", "problem"), REFUSED.values(), ids=REFUSED)
def test_refused(build: Any, place: str, problem: str) -> None:
    data = build().pack()
    with pytest.raises(InputError) as caught:
        read_tflite(data, "single")
    assert place in caught.value.place
    assert problem in caught.value.problem
    assert str(caught.value).isprintable()


def test_xnnpack_refuses_a_factor_of_256() -> None:
    model = one(bias=None, output_scale=0.05 * 0.5 / 256.1)
    read_tflite(model.pack(), "double")
    with pytest.raises(InputError, match="tensor 'layer0': expected a factor below 256"):
        read_tflite(model.pack(), "float32")


def test_names_that_are_not_text_stay_in_one_line() -> None:
    model = one(output_scale=-1.0).with_tensor(OUTPUT, name="line\nfeed\x1b[31m" + "x" * 1000)
    with pytest.raises(InputError) as caught:
        read_tflite(model.pack(), "single")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_a_refusal_lists_what_is_read() -> None:
    with pytest.raises(InputError, match=", ".join(SUPPORTED_OPERATORS)):
        read_tflite(_then("MUL").pack(), "single")


def test_a_tflite_file_says_so() -> None:
    assert is_tflite(ecg())
    assert not is_tflite(b'{"format": "certify.network/1"}')
    assert not is_tflite(b"")


def test_weights_are_read_to_the_last_bit() -> None:
    weights = np.arange(-128, 128).reshape(16, 16)
    network = read_tflite(chain([Layer(weights, (0.01,), np.arange(16) - 2**31)]).pack(), "double").network
    assert np.array_equal(network.layers[0].weights.to_dense(), weights)
    assert network.layers[0].bias[0] == -(2**31)
