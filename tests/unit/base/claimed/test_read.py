"""Base networks as they are handed in: what is read from them, and what is refused or false."""

from __future__ import annotations

import json
from typing import Any

import naive_base
import numpy as np
import pytest
from claimed_files import json_file, layout, npy_directory, npz, safetensors
from networks import parts

from certify.base.claimed import Base, BaseFiles, read_base
from certify.base.claimed import assemble as assembling
from certify.errors import FalseClaimError, InputError
from certify.network.arrays import File
from certify.network.model import Network
from certify.network.reader import read_network
from certify.network.steps import Relu, Requantize

SEED = "base of a test"
NETWORK: dict[str, Any] = {
    "format": "certify.network/1",
    "name": "a base",
    "input": {"shape": [3], "low": -1, "high": 1, "precision_bits": 1},
    "layers": [
        {
            "op": "dense",
            "precision_bits": 2,
            "weights": [[1, 0, -4, 2], [0, 0, 3, -1]],
            "constants": [5],
            "bias": [3, -8],
            "then": [{"op": "relu"}, {"op": "requantize", "shift": 4, "rounding": "floor"}],
        },
        {"op": "dense", "precision_bits": 3, "weights": [[7, -8]], "bias": [9]},
    ],
}
TARGET = read_network(
    json.dumps(
        NETWORK
        | {
            "input": {"shape": [3], "low": -6, "high": [5, 6, 7], "precision_bits": 1},
            "layers": [{"op": "dense", "precision_bits": 1, "weights": [[1, 2, 0]]}],
        }
    ).encode()
)
WEIGHTS = [np.array(layer["weights"]) for layer in NETWORK["layers"]]
FIRST = {
    "weights": "a",
    "bias": "c",
    "constants": [5],
    "precision_bits": 2,
    "then": [{"op": "relu"}, {"op": "requantize", "shift": 4, "rounding": "floor"}],
}
SECOND = {"weights": "b", "bias": "d", "precision_bits": 3}
LAYOUT = layout(FIRST, SECOND)
# Biases are on the accumulators' scales: 1 + 2 bits, and 1 + 2 - 4 + 3 bits.
VALUES = {"a": WEIGHTS[0] / 4, "b": WEIGHTS[1] / 8, "c": np.array([3, -8]) / 8, "d": np.array([9]) / 4}
INTEGERS = {"a": WEIGHTS[0], "b": WEIGHTS[1], "c": np.array([3, -8]), "d": np.array([9])}


def read(arrays: dict[str, Any], explained: File | None = LAYOUT, **options: Any) -> Base:
    return read_base(BaseFiles(npz(arrays), explained, **options), TARGET)


def without_name(network: Network) -> list[object]:
    return parts(network)[1:]


def test_a_network_as_the_base():
    base = read_base(BaseFiles((json_file(NETWORK),)), TARGET)
    assert base.rounded == 0
    assert base.network.name == "a base"
    assert base.network.input is TARGET.input
    assert [matrix.entries for matrix in base.network.matrices] == [8, 2]
    read_back = read_network(json.dumps(NETWORK).encode())
    assert without_name(base.network)[2] == without_name(read_back)[2]


EXPECTED = read_base(BaseFiles((json_file(NETWORK),)), TARGET).network


@pytest.mark.parametrize("container", [npz, npy_directory, safetensors])
@pytest.mark.parametrize(
    "arrays",
    [
        pytest.param(VALUES, id="doubles"),
        pytest.param({name: array.astype(np.float16) for name, array in VALUES.items()}, id="halves"),
        pytest.param(INTEGERS, id="integers"),
        pytest.param({name: array.astype(np.int8) for name, array in INTEGERS.items()}, id="bytes"),
        pytest.param(VALUES | {"a": WEIGHTS[0]}, id="both"),
        pytest.param(VALUES | {"optimizer": np.ones(3)}, id="with others beside them"),
    ],
)
def test_arrays_as_the_base(container, arrays):
    base = read_base(BaseFiles(container(arrays), LAYOUT), TARGET)
    assert base.rounded == 0
    assert without_name(base.network) == without_name(EXPECTED)
    assert base.network.input is TARGET.input
    assert [matrix.entries for matrix in base.network.matrices] == [8, 2]
    assert base.network.layers[0].steps == (Relu(), Requantize(4, "floor"))


def test_transposed_arrays():
    arrays = VALUES | {"a": VALUES["a"].T, "b": VALUES["b"].T}
    base = read(arrays, layout(FIRST | {"transpose": True}, SECOND | {"transpose": True}))
    assert without_name(base.network) == without_name(EXPECTED)


def test_a_network_as_the_layout():
    """Its weights are not looked at, and its biases are the base's."""
    explained = json.loads(json.dumps(NETWORK))
    explained["layers"][0]["weights"] = [[1, 1, 1, 1], [1, 1, 1, 1]]
    arrays = {"layers.0.weights": VALUES["a"], "layers.1.weights": WEIGHTS[1]}
    base = read(arrays, json_file(explained))
    assert without_name(base.network) == without_name(EXPECTED)


def test_without_biases_they_are_zero():
    arrays = {"a": VALUES["a"], "b": VALUES["b"]}
    silent = [{key: layer[key] for key in layer if key != "bias"} for layer in (FIRST, SECOND)]
    base = read(arrays, layout(*silent))
    assert [layer.bias for layer in base.network.layers] == [(0, 0), (0,)]


def test_weights_of_torch_prune_are_found():
    pruned = {"a_orig": VALUES["a"], "a_mask": np.ones((2, 4))}
    others = {name: VALUES[name] for name in "bcd"}
    assert without_name(read(pruned | others).network) == without_name(EXPECTED)
    assert without_name(read(VALUES | pruned | {"a_orig": np.zeros((2, 4))}).network) == without_name(EXPECTED)
    with pytest.raises(InputError, match="expected an array of this name, found a_orig, b, c, d"):
        read({"a_orig": VALUES["a"]} | others)


def test_rounding_is_counted_over_all_numbers():
    """0.3 is 1.2 quarters, 0.374 is 2.992 eighths, and -0.9999 is -7.9992 eighths."""
    arrays = {**VALUES, "a": VALUES["a"].copy(), "c": np.array([0.374, -1.0]), "b": np.array([[0.875, -0.9999]])}
    arrays["a"][0, 0] = 0.3
    same_bits = layout(FIRST, SECOND | {"precision_bits": 2})
    unsaid = [{key: layer[key] for key in layer if key != "precision_bits"} for layer in (FIRST, SECOND)]
    for explained in (same_bits, layout(*unsaid)):
        base = read(arrays | {"d": np.array([4.51])}, explained, round_to=2)
        assert base.rounded == 5
        first, last = base.network.layers
        assert (first.weights.to_dense().tolist(), first.bias) == (WEIGHTS[0].tolist(), (3, -8))
        # 0.875 is halfway between 3 and 4 quarters; the even one is 4. The accumulator has 1 bit.
        assert (last.weights.to_dense().tolist(), last.bias) == ([[4, -4]], (9,))


def test_rounding_does_nothing_to_what_needs_none():
    assert read(INTEGERS, round_to=7).rounded == 0
    assert read_base(BaseFiles((json_file(NETWORK),), round_to=7), TARGET).rounded == 0


def spoiled(name: str, place: tuple[int, ...], value: float) -> dict[str, Any]:
    arrays = VALUES | {name: VALUES[name].copy()}
    arrays[name][place] = value
    return arrays


NO_BITS = layout({key: FIRST[key] for key in FIRST if key != "precision_bits"}, SECOND)

# name: (arrays, layout, options, place, what the problem says)
BAD: dict[str, tuple[dict[str, Any], File | None, dict[str, Any], str, str]] = {
    "no layout": (VALUES, None, {}, "", "expected a layout"),
    "an array missing": ({"a": VALUES["a"]}, LAYOUT, {}, "c", "expected an array of this name, found a"),
    "off the grid": (spoiled("a", (1, 2), 0.3), LAYOUT, {}, "a[1][2]", "expected a multiple of 2^-2"),
    "a bias off the grid": (spoiled("c", (1,), 0.3), LAYOUT, {}, "c[1]", "expected a multiple of 2^-3"),
    "above 1": (spoiled("b", (0, 1), 1.125), LAYOUT, {}, "b[0][1]", "at most 8·2^-3"),
    "nan, rounded": (spoiled("a", (0, 1), np.nan), NO_BITS, {"round_to": 2}, "a[0][1]", "found nan"),
    "integers above 1": (INTEGERS | {"a": WEIGHTS[0] * 2}, LAYOUT, {}, "a[0][2]", "from -4 to 4, found -8"),
    "other rounding": (VALUES, LAYOUT, {"round_to": 3}, "layout.layers[0].precision_bits", "expected 3, "),
    "no precision": (VALUES, NO_BITS, {}, "layout.layers[0].precision_bits", "bits of a, floats, found none"),
    "no precision, integers": (
        INTEGERS,
        NO_BITS,
        {"round_to": 2},
        "layout.layers[0].precision_bits",
        "bits of a, integers, found none",
    ),
    "rounding below 0": (VALUES, LAYOUT, {"round_to": -1}, "", "0 to 60 bits, found -1"),
    "rounding above 60": (VALUES, LAYOUT, {"round_to": 61}, "", "0 to 60 bits, found 61"),
    "not transposed": (VALUES | {"a": VALUES["a"].T}, LAYOUT, {}, "a", "(outputs, 4), found (4, 2)"),
    "transposed": (VALUES, layout(FIRST | {"transpose": True}, SECOND), {}, "a", "(4, outputs), found (2, 4)"),
    "too few columns": (VALUES | {"b": np.ones((1, 3))}, LAYOUT, {}, "b", "(outputs, 2), found (1, 3)"),
    "no rows": (VALUES | {"a": np.ones((0, 4))}, LAYOUT, {}, "a", "(outputs, 4), found (0, 4)"),
    "one dimension": (VALUES | {"a": np.ones(4)}, LAYOUT, {}, "a", "found (4,)"),
    "three dimensions": (VALUES | {"a": np.ones((1, 2, 4))}, LAYOUT, {}, "a", "found (1, 2, 4)"),
    "bool weights": (VALUES | {"a": np.ones((2, 4), bool)}, LAYOUT, {}, "a", "found bool"),
    "too few biases": (VALUES | {"c": np.ones(1)}, LAYOUT, {}, "c", "expected the shape (2,)"),
    "biases in a row": (VALUES | {"c": np.ones((1, 2))}, LAYOUT, {}, "c", "found (1, 2)"),
    "too few integers": (VALUES, layout(FIRST | {"bias": [1]}, SECOND), {}, "layout.layers[0].bias", "found (1,)"),
    "no integers": (VALUES, layout(FIRST | {"bias": []}, SECOND), {}, "layout.layers[0].bias", "found (0,)"),
    "a bias that is not there": (VALUES, layout(FIRST | {"bias": "x"}, SECOND), {}, "x", "found a, b, c, d"),
    "steps of other outputs": (
        VALUES,
        layout(
            FIRST | {"then": [{"op": "requantize", "multiplier": [1], "shift": 0, "rule": "single"}]},
            SECOND,
        ),
        {},
        "layout.layers[0].then[0].multiplier",
        "one per output, 2, found 1",
    ),
    "other outputs than the target's": (VALUES, layout(FIRST), {}, "outputs", "expected 1 as in the first"),
}


@pytest.mark.parametrize(("arrays", "explained", "options", "place", "says"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_read(arrays, explained, options, place, says):
    with pytest.raises(InputError) as caught:
        read(arrays, explained, **options)
    assert caught.value.place == place
    assert says in caught.value.problem
    assert not isinstance(caught.value, FalseClaimError)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        pytest.param({"shape": [3, 1]}, "input.shape", id="shape"),
        pytest.param({"precision_bits": 2}, "input.precision_bits", id="precision"),
    ],
)
def test_a_base_on_other_inputs_is_not_comparable(changes, place):
    other = NETWORK | {"input": NETWORK["input"] | changes}
    with pytest.raises(InputError) as caught:
        read_base(BaseFiles((json_file(other),)), TARGET)
    assert caught.value.place == place


def test_a_network_needs_no_layout():
    with pytest.raises(InputError, match="expected no layout"):
        read_base(BaseFiles((json_file(NETWORK),), LAYOUT), TARGET)


def test_many_names_are_not_all_shown():
    arrays = {f"x{index}": np.ones(1) for index in range(10)}
    with pytest.raises(InputError) as caught:
        read(arrays)
    assert caught.value.problem.endswith("found x0, x1, x2, x3, x4, x5, x6, x7 and 2 more")


def test_one_array_named_again_and_again_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(assembling, "MAX_WEIGHTS", 20)
    square = {"weights": "a", "precision_bits": 0}
    arrays = {"a": np.zeros((3, 3))}
    with pytest.raises(InputError) as caught:
        read(arrays, layout(square, square, square))
    assert (caught.value.place, caught.value.problem) == (
        "layout.layers[2]",
        "expected at most 20 weights in all, found more",
    )


def drawn(matrix: int, shape: tuple[int, int], bits: int) -> list[list[int]]:
    return [
        [naive_base.weight(SEED, matrix, row, column, bits, bits) for column in range(shape[1])]
        for row in range(shape[0])
    ]


FROM_SEED = {
    "a": np.array(drawn(0, (2, 4), 2)),
    "b": np.array(drawn(1, (1, 2), 3)),
    "c": np.array([1, 2]),
    "d": np.array([5]),
}


def test_weights_from_a_seed():
    base = read(FROM_SEED, seed=SEED)
    assert [matrix.to_dense().tolist() for matrix in base.network.matrices] == [
        FROM_SEED[name].tolist() for name in "ab"
    ]


@pytest.mark.parametrize(("name", "matrix"), [("a", 0), ("b", 1)])
def test_every_weight_has_to_be_the_seeds(name, matrix):
    for place in np.ndindex(FROM_SEED[name].shape):
        other = FROM_SEED[name].copy()
        other[place] += -1 if other[place] > 0 else 1
        with pytest.raises(FalseClaimError) as caught:
            read(FROM_SEED | {name: other}, seed=SEED)
        assert caught.value.place == f"layers[{matrix}].weights[{place[0]}][{place[1]}]"
        right, wrong = FROM_SEED[name][place], other[place]
        assert caught.value.problem == f"expected {right}, which the seed gives here, found {wrong}"


def test_the_first_of_several_offenders_is_named():
    other = FROM_SEED["a"].copy()
    other[1, 1:] = 0
    other[0, 3] = 0 if other[0, 3] else 1
    with pytest.raises(FalseClaimError, match=r"layers\[0\]\.weights\[0\]\[3\]"):
        read(FROM_SEED | {"a": other}, seed=SEED)


def test_another_seed_is_false():
    with pytest.raises(FalseClaimError):
        read(FROM_SEED, seed=SEED + " ")


def test_a_network_from_a_seed():
    document = json.loads(json.dumps(NETWORK))
    for index, name in enumerate("ab"):
        document["layers"][index]["weights"] = FROM_SEED[name].tolist()
    read_base(BaseFiles((json_file(document),), seed=SEED), TARGET)
    document["layers"][1]["weights"][0][1] *= -1
    with pytest.raises(FalseClaimError, match=r"layers\[1\]\.weights\[0\]\[1\]"):
        read_base(BaseFiles((json_file(document),), seed=SEED), TARGET)


@pytest.mark.parametrize(
    ("layers", "seed", "place"),
    [
        pytest.param(
            (FIRST, SECOND | {"precision_bits": 31}), SEED, "layers[0].weights[0][0]", id="first, not second"
        ),
        pytest.param(
            (FIRST | {"precision_bits": 30}, SECOND), SEED, "layers[0].weights[0][0]", id="30 bits are drawn"
        ),
        pytest.param((FIRST | {"precision_bits": 31}, SECOND), SEED, "layers[0].precision_bits", id="31 bits"),
        pytest.param((FIRST, SECOND), "\udcff", "seed", id="no UTF-8"),
    ],
)
def test_seeds_that_give_nothing(layers, seed, place):
    with pytest.raises(InputError) as caught:
        read(INTEGERS, layout(*layers), seed=seed)
    assert caught.value.place == place
