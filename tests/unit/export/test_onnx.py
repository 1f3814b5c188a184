from __future__ import annotations

import sys

import numpy as np
import onnx
import pytest
from exported import assert_same, box, points, run, run_exported

from certify.errors import InputError, ReaderMissingError
from certify.export.onnx import OPSET, model, write_onnx
from certify.export.onnx.graph import Graph
from certify.export.onnx.operators import accumulate
from certify.network.matrix import from_dense
from certify.network.model import INPUT, Network
from certify.network.operators import (
    Addition,
    Concatenate,
    Convolution,
    Dense,
    Gather,
    Pad,
    Pooling,
    Product,
    Reshape,
    Slice,
    Softmax,
    Term,
    Transpose,
)
from certify.network.operators.window import Window
from certify.network.rounding import ROUNDINGS, RULES
from certify.network.steps import (
    Clamp,
    LeakyRelu,
    Offset,
    Relu,
    Requantize,
    RequantizeQ31,
    RoundSignificant,
    Sign,
    Threshold,
    Thresholds,
)

INTEGER_OPERATORS = {
    "Abs", "Add", "Cast", "Clip", "Concat", "Div", "Gather", "Greater", "GreaterOrEqual", "Identity", "MatMul", "Max",
    "Min", "Mod", "Mul", "Pad", "ReduceMax", "ReduceSum", "Reshape", "Sign", "Slice", "Sub", "Transpose", "Where",
}  # fmt: skip


def dense(rng, inputs, outputs, steps=(), *, zeros=0.0, constants=(), bits=5, **more):
    weights = rng.integers(-(2**bits), 2**bits, size=(outputs, inputs + len(constants)), endpoint=True)
    weights[rng.random(weights.shape) < zeros] = 0
    bias = tuple(rng.integers(-99, 99, size=outputs).tolist())
    return Dense(from_dense(weights), bits, bias, constants, tuple(steps), **more)


def convolution(rng, channels, outputs, window, steps=(), *, groups=1, constants=(), zeros=0.0, **more):
    columns = window.taps * channels // groups + len(constants)
    weights = rng.integers(-31, 31, size=(outputs, columns), endpoint=True)
    weights[rng.random(weights.shape) < zeros] = 0
    bias = tuple(rng.integers(-99, 99, size=outputs).tolist())
    return Convolution(from_dense(weights), 5, bias, window, groups, constants, tuple(steps), **more)


def network(shape, *layers, low=-128, high=127):
    return Network("random", box(shape, low, high), layers)


def of_steps(*steps, low=-(2**20), high=2**20, channels=3):
    """The steps on a tensor that comes as it is."""
    return network((channels,), Reshape((channels,), steps), low=low, high=high)


Q31 = {
    "one": (1518500250, 3),
    "halves": (2**30, 0),
    "enlarges": (2**30 + 12345, -4),
    "each": ((2**31 - 1, 1, 2**30), (0, 9, -2)),
    "least": (1, -31),
}
STEPS = {
    "relu": [Relu()],
    "clamp": [Clamp(-100, 77)],
    "offset": [Offset(-12345), Offset(0)],
    "leaky ReLU": [LeakyRelu(3)],
    "step": [Threshold()],
    "sign": [Sign()],
    "round_significant": [RoundSignificant()],
    "no thresholds": [Thresholds((), 7)],
    "one threshold": [Thresholds((5,), -1)],
    "thresholds": [Thresholds((-900000, -7, -7, 0, 0, 0, 3, 3, 555555), -4)],
    "thresholds of channels": [Thresholds(((-3, 0, 5), (), (-(2**19), 2**19)), 2)],
    "several": [Requantize(7, "half_up", 3), Relu(), Offset(-9), Clamp(-5, 4000), Sign()],
    **{f"shift {rounding}": [Requantize(5, rounding, -3)] for rounding in ROUNDINGS},
    "shift by 0": [Requantize(0, "half_even", 0)],
    **{f"{rule} {name}": [RequantizeQ31(*factor, rule, 5)] for rule in RULES for name, factor in Q31.items()},
}


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_steps(steps):
    assert_same(of_steps(*steps), 200)


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_every_remainder(rounding):
    """Halves of either sign, too, which random points of a large box miss."""
    on = of_steps(Requantize(2, rounding, 0), low=-9, high=9, channels=1)
    given = np.arange(-9, 10).reshape(-1, 1)
    expected = on.layers[0].steps[0]
    exact = [[round_by(value, expected)] for value in range(-9, 10)]
    assert run_exported(on, given).tolist() == exact


def round_by(value, step):
    """By comparing fractions, as numpy and decimal would."""
    below, rest = divmod(value, 4)
    up = {
        "floor": False,
        "half_up": rest >= 2,
        "half_even": rest > 2 or (rest == 2 and below % 2 == 1),
        "half_away": rest > 2 or (rest == 2 and value >= 0),
        "toward_zero": rest > 0 and value < 0,
    }
    return below + up[step.rounding]


WIDE = {
    "at 24 bits": (2**24 - 40, 2**24 + 40),
    "at 25 bits": (2**25 - 40, 2**25 + 40),
    "at 33 bits": (2**33 - 2000, 2**33 + 2000),
    "at 56 bits": (2**56 - 2**34, 2**56 + 2**34),
    "below 0": (-(2**40) - 2**18, -(2**40) + 2**18),
    "across 0": (-(2**30), 2**30),
}


@pytest.mark.parametrize(("low", "high"), WIDE.values(), ids=WIDE)
def test_significant_bits(low, high):
    assert_same(of_steps(RoundSignificant(), low=low, high=high), 300)


def test_floats_round_twice():
    """What comes in is rounded to 24 bits before it is multiplied, as a float would be."""
    step = RequantizeQ31(2**31 - 1, 3, "float32")
    assert_same(of_steps(step, low=2**28, high=2**28 + 2000), 400)


WINDOWS = {
    "pointwise": Window((1, 1)),
    "3 by 3": Window((3, 3)),
    "padded": Window((3, 3), padding=((1, 1), (1, 1))),
    "strided": Window((3, 2), (2, 1), padding=((0, 1), (1, 0))),
    "dilated": Window((2, 2), (1, 2), (2, 3), ((1, 0), (0, 2))),
    "every second row": Window((1, 1), (2, 1)),
    "pointwise padded": Window((1, 1), (2, 2), padding=((1, 1), (2, 2))),
}
GROUPS = {"plain": (4, 5, 1), "depthwise": (4, 4, 4), "two outputs each": (3, 6, 3), "grouped": (4, 6, 2)}


@pytest.mark.parametrize(("channels", "outputs", "groups"), GROUPS.values(), ids=GROUPS)
@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_convolutions(window, channels, outputs, groups):
    rng = np.random.default_rng(window.taps + channels)
    each = tuple(rng.integers(2**30, 2**31, size=outputs).tolist())
    steps = [RequantizeQ31(each, 8, "single", -3), Clamp(-128, 127)]
    layer = convolution(rng, channels, outputs, window, steps, groups=groups, constants=(3, -7))
    assert_same(network((5, 6, channels), layer), 6)


SPARSE = {
    "one weight in each row": [[0, 3, 0, 0], [0, 0, 0, -2], [5, 0, 0, 0]],
    "channels as they come": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
    "fewer than channels": [[1, 0, 0, 0], [0, 1, 0, 0]],
    "an empty row": [[0, 0, 0, 0], [0, 0, 0, 7]],
    "nothing": [[0, 0, 0, 0]],
    "one row with two": [[0, 3, 0, 1], [0, 0, 0, -2]],
}


@pytest.mark.parametrize("rows", SPARSE.values(), ids=SPARSE)
def test_sparse_kernels(rows):
    weights, bias = from_dense(np.array(rows, dtype=np.int64)), tuple(range(len(rows)))
    assert_same(network((4,), Dense(weights, 3, bias)))
    assert_same(network((2, 3, 4), Convolution(weights, 3, bias, Window((1, 1)))))
    spread = from_dense(np.array([[*row, *row[::-1], 0, 0, 0, 0] for row in rows], dtype=np.int64))
    assert_same(network((2, 4, 4), Convolution(spread, 3, bias, Window((1, 3)))))


def test_sparse_kernels_in_groups():
    """Each output reads one channel of its own group, another one at every tap."""
    kernels = np.zeros((4, 2, 3), dtype=np.int64)
    for output, (tap, channel) in enumerate([(0, 2), (1, 1), (0, 0), (1, 2)]):
        kernels[output, tap, channel] = output + 2
    layer = Convolution(from_dense(kernels.reshape(4, 6)), 3, (0,) * 4, Window((1, 2)), 2)
    assert_same(network((2, 3, 6), layer))


def test_dense_reads_any_shape():
    rng = np.random.default_rng(1)
    first = dense(rng, 12, 70, [Requantize(3, "half_even", 0)], constants=(4,))
    assert_same(network((3, 2, 2), first, dense(rng, 70, 3, [Relu()])))


def test_residual_block():
    rng = np.random.default_rng(2)
    same = Window((3, 3), padding=((1, 1), (1, 1)))
    steps = [RequantizeQ31(1 << 30, 6, "double", 0), Clamp(-128, 127)]
    layers = [
        convolution(rng, 3, 3, same, [*steps, Relu()]),
        convolution(rng, 3, 3, same, steps),
        Addition((1, INPUT), (Term(3, (Offset(7), RequantizeQ31(2**30, 1, "double"))), Term(-1)), tuple(steps)),
        Pooling("average", Window((2, 2), (2, 2)), "half_away"),
        dense(rng, 12, 4),
    ]
    assert_same(network((4, 4, 3), *layers), 12)


POOLING = {
    "max": Pooling("max", Window((2, 2), (2, 2))),
    "max, padded": Pooling("max", Window((3, 3), (2, 2), padding=((1, 1), (1, 1)))),
    "sum": Pooling("sum", Window((2, 3), padding=((0, 1), (1, 1)))),
    **{
        f"average, {rounding}": Pooling("average", Window((3, 3), (2, 1), padding=((1, 0), (1, 1))), rounding)
        for rounding in ROUNDINGS
    },
    "average of one": Pooling("average", Window((1, 1)), "half_even"),
}


@pytest.mark.parametrize("layer", POOLING.values(), ids=POOLING)
def test_pooling(layer):
    assert_same(network((5, 5, 2), layer, low=-9, high=-2), 30)
    assert_same(network((5, 5, 2), layer), 30)


MOVING = {
    "reshape": Reshape((6, 4)),
    "transpose": Transpose((2, 0, 1)),
    "pad": Pad(((0, 0), (1, 2), (3, 0)), -5),
    "slice": Slice((0, 1, 1), (2, 3, 4), (1, 2, 2)),
    "concatenate": Concatenate((INPUT, INPUT, INPUT), 1),
    "gather": Gather((0, 5, 5, 23, 1, 0), (3, 2)),
    "gather with zeros": Gather((-1, 0, 23, -1), (4,)),
}


@pytest.mark.parametrize("layer", MOVING.values(), ids=MOVING)
def test_moving(layer):
    assert_same(network((2, 3, 4), layer))


def test_attention():
    """Scores, a softmax from a table, and the weighted sum: products of activations."""
    rng = np.random.default_rng(3)
    table = tuple(int(4096 * np.exp(-d / 20)) for d in range(120))
    three = Window((1, 1))
    layers = [
        *(
            convolution(rng, 4, 4, three, [Requantize(6, "floor"), Clamp(-99, 99)], sources=(INPUT,))
            for _ in range(3)
        ),
        Reshape((5, 4), sources=(0,)),
        Reshape((5, 4), sources=(1,)),
        Transpose((1, 0), sources=(4,)),
        Product((3, 5), (Requantize(8, "half_even"),)),
        Softmax(table, 256),
        Reshape((5, 4), sources=(2,)),
        Product((7, 8), (Requantize(8, "half_up"),)),
    ]
    assert_same(network((1, 5, 4), *layers), 40)


def test_only_integer_operators_of_the_standard_domain():
    rng = np.random.default_rng(4)
    steps = [*STEPS["float32 each"], *STEPS["thresholds of channels"]]
    found = onnx.load_from_string(write_onnx(network((4, 4, 4), convolution(rng, 4, 3, Window((3, 3)), steps))))
    assert {node.op_type for node in found.graph.node} <= INTEGER_OPERATORS
    assert {node.domain for node in found.graph.node} == {""}
    assert [(entry.domain, entry.version) for entry in found.opset_import] == [("", OPSET)]
    inferred = onnx.shape_inference.infer_shapes(found, strict_mode=True).graph.value_info
    kinds = {value.type.tensor_type.elem_type for value in inferred}
    assert kinds <= {onnx.TensorProto.INT64, onnx.TensorProto.BOOL}
    assert {entry.key: entry.value for entry in found.metadata_props} == {
        "input_precision_bits": "0",
        "output_precision_bits": "0",
    }


def test_one_point_and_the_same_bytes_every_time():
    on = network((2, 3), dense(np.random.default_rng(5), 6, 300))
    data = write_onnx(on)
    assert data == write_onnx(on)
    assert run(data, np.zeros((1, 2, 3), dtype=np.int64)).tolist() == [list(on.layers[0].bias)]


def test_large_kernels_are_kept_narrow():
    on = network((200,), dense(np.random.default_rng(6), 200, 100))
    assert len(write_onnx(on)) < 200 * 100 * 2
    assert_same(on, 4)


WIDEST = 2**62 - 1


def test_what_just_fits():
    assert_same(of_steps(Relu(), low=-WIDEST, high=WIDEST), 20)


def wide_inputs():
    return of_steps(Relu(), high=2**62)


def wide_sum():
    rows = from_dense(np.array([[2**30, 2**30]]))
    return Network("wide", box((2,), 0, 2**31), (Dense(rows, 30, (0,), name="fc"),))


def wide_product():
    return of_steps(RequantizeQ31(2**31 - 1, 0, "single"), low=0, high=2**31 + 1)


REFUSED = {
    "inputs": (wide_inputs, "layers[0]: expected numbers below 2^62 in reshape, found up to 63 bits"),
    "a sum": (wide_sum, "layers[0]: expected numbers below 2^62 in dense fc, found up to 63 bits"),
    "a product": (wide_product, "layers[0]: expected numbers below 2^62 in reshape, found up to 63 bits"),
    "a shift": (lambda: of_steps(Requantize(62, "floor")), "layers[0]: expected numbers below 2^62 in reshape"),
}


@pytest.mark.parametrize(("make", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_int64_may_not_hold(make, problem):
    with pytest.raises(InputError) as caught:
        write_onnx(make())
    assert str(caught.value).startswith(problem)


def test_an_operator_that_is_not_written():
    with pytest.raises(InputError, match="expected an operator that is written as ONNX, found object"):
        accumulate(Graph(), object(), ["x"], [(3,)], 1, 1)


def test_weights_beyond_the_limit(monkeypatch):
    monkeypatch.setattr(model, "MAX_BYTES", 10)
    with pytest.raises(InputError, match="expected weights of at most 10 bytes, found"):
        write_onnx(of_steps(Relu()))


def test_without_onnx(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ReaderMissingError, match=r"pip install 'certify\[onnx\]'"):
        write_onnx(of_steps(Relu()))


OWN_SCALE = RequantizeQ31(2**30, -1, "single")


def random_steps(rng, channels):
    each = tuple(rng.integers(2**29, 2**31, size=channels).tolist())
    choices = [
        [RequantizeQ31(each, 6, str(rng.choice(RULES)), int(rng.integers(-9, 9)))],
        [Requantize(int(rng.integers(1, 9)), str(rng.choice(ROUNDINGS)), 1), Relu()],
        [Thresholds(tuple(sorted(rng.integers(-900, 900, size=11).tolist())), -5)],
        [RoundSignificant(), Requantize(6, "half_even")],
    ]
    return [*choices[rng.integers(len(choices))], OWN_SCALE, Clamp(-128, 127)]


def random_layer(rng, shapes):
    """A layer that reads the last tensor, and perhaps an earlier one of its shape, and keeps rows and columns."""
    shape = shapes[-1]
    channels, last = shape[2], len(shapes) - 2
    alike = [index - 1 for index, found in enumerate(shapes) if found == shape]
    sources = (last, int(rng.choice(alike)))
    same = Window((3, 3), padding=((1, 1), (1, 1)))
    match rng.integers(6):
        case 0:
            return convolution(rng, channels, channels, same, random_steps(rng, channels), groups=channels)
        case 1:
            outputs = int(rng.integers(1, 5))
            return convolution(rng, channels, outputs, same, random_steps(rng, outputs), zeros=rng.random())
        case 2:
            terms = (Term(int(rng.integers(-3, 4)), tuple(random_steps(rng, channels))), Term(2, (Offset(1),)))
            return Addition(sources, terms, tuple(random_steps(rng, channels)))
        case 3:
            return Pooling("average", same, str(rng.choice(ROUNDINGS)), tuple(random_steps(rng, channels)))
        case 4:
            return Concatenate(sources, 2)
        case _:
            return Pooling("max", same)


@pytest.mark.parametrize("seed", range(12))
def test_random_graphs(seed):
    rng = np.random.default_rng(seed)
    layers, shapes = [], [(4, 3, 2)]
    for _ in range(rng.integers(2, 7)):
        layers.append(random_layer(rng, shapes))
        shapes = [(4, 3, 2), *network((4, 3, 2), *layers).shapes()]
    layers.append(dense(rng, int(np.prod(shapes[-1])), 3))
    assert_same(network((4, 3, 2), *layers), 8, seed)
    assert len(points(network((4, 3, 2), *layers), 8)) == 8
