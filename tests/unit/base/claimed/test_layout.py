"""`certify.layout/1`: what is read, and what is refused with its place."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from claimed_files import json_file

from certify.base.claimed.layout import Layer, read_layout
from certify.base.claimed.scores import Scores
from certify.errors import InputError
from certify.network.arrays import File
from certify.network.reader import read_network
from certify.network.step_form import RequantizeForm
from certify.network.steps import Clamp, Relu

NETWORK: dict[str, Any] = {
    "format": "certify.network/1",
    "input": {"shape": [2], "low": -1, "high": 1, "precision_bits": 1},
    "layers": [
        {
            "op": "dense",
            "precision_bits": 3,
            "weights": [[1, 2, 3], [0, 5, 0]],
            "constants": [7],
            "bias": [4, -4],
            "then": [
                {"op": "relu"},
                {"op": "requantize", "multiplier": [3, 5], "shift": [1, 2], "rule": "single", "precision_bits": 2},
                {"op": "clamp", "low": -1, "high": 9},
            ],
        },
        {"op": "dense", "precision_bits": 2, "weights": [[1, 2]], "then": [{"op": "step"}]},
    ],
}
OTHER = read_network(json.dumps(NETWORK).encode())
FULL = {
    "weights": "w",
    "precision_bits": 3,
    "bias": "b",
    "constants": [1, 2],
    "then": [{"op": "relu"}],
    "transpose": True,
    "scores": {"array": "s", "kept": "0.5", "by": "magnitude"},
}


def document(*layers: Any, **others: Any) -> File:
    return json_file({"format": "certify.layout/1", "layers": list(layers)} | others)


def test_a_layer_in_full():
    (layer,) = read_layout(document(FULL), OTHER)
    scores = Scores("s", "magnitude", kept="0.5")
    assert layer == Layer("w", 3, "b", [1, 2], (Relu(),), transpose=True, scores=scores)


def test_a_layer_of_which_little_is_said():
    first, second = read_layout(document({"weights": "w"}, {"weights": "v", "unpruned": True}), OTHER)
    unset = msgspec.UNSET
    assert first == Layer("w", unset, unset, unset, (), transpose=False, mask=unset, scores=unset, unpruned=False)
    assert (second.weights, second.unpruned) == ("v", True)


def test_a_network_stands_in_for_a_layout():
    """Sizes too: through the lengths of its biases, and the chain of its layers."""
    first, second = read_layout(json_file(NETWORK), OTHER)
    assert (first.weights, second.weights) == ("layers.0.weights", "layers.1.weights")
    assert (first.precision_bits, first.bias, first.constants) == (3, [4, -4], [7])
    requantize = RequantizeForm([1, 2], multiplier=[3, 5], rule="single", precision_bits=2)
    assert first.then == (Relu(), requantize, Clamp(-1, 9))
    assert (second.precision_bits, second.bias, second.constants) == (2, [0], [])


def changed(*path: str | int, to: Any) -> File:
    copy = json.loads(json.dumps(NETWORK))
    node = copy
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = to
    return json_file(copy)


def layer(**others: Any) -> File:
    return document({"weights": "w"} | others)


SCORES = {"array": "s", "kept": "0.5", "by": "value"}

# name: (file, place, what the problem says)
BAD: dict[str, tuple[File, str, str]] = {
    "empty": (File("l", b""), "layout", "found an empty file"),
    "not JSON": (File("l", b"{"), "layout", "expected JSON"),
    "a list": (json_file([]), "layout.format", "found no such text"),
    "no format": (json_file({"layers": []}), "layout.format", 'expected "certify.layout/1" or "certify.network/1"'),
    "another format": (document(format="certify.layout/2"), "layout.format", "found 'certify.layout/2'"),
    "format is a list": (document(format=[]), "layout.format", "found no such text"),
    "no layers": (document(), "layout.layers", "expected at least one layer"),
    "layers missing": (json_file({"format": "certify.layout/1"}), "layout", "`layers`"),
    "unknown key": (document({"weights": "w"}, name="n"), "layout", "unknown field `name`"),
    "unknown key of a layer": (layer(thn=[]), "layout.layers[0]", "unknown field `thn`"),
    "no weights": (document({}), "layout.layers[0]", "`weights`"),
    "key twice": (
        File("l", b'{"format": "certify.layout/1", "layers": [{"weights": "w", "weights": "v"}]}'),
        "layout.layers[0].weights",
        "every key once",
    ),
    "a float": (layer(precision_bits=1.0), "layout.layers[0].precision_bits", "expected an integer, found 1.0"),
    "bits below 0": (layer(precision_bits=-1), "layout.layers[0].precision_bits", ">= 0"),
    "bits above 60": (layer(precision_bits=61), "layout.layers[0].precision_bits", "<= 60"),
    "a step that is none": (layer(then=[{"op": "tanh"}]), "layout.layers[0].then[0].op", "relu, requantize"),
    "transpose is a number": (layer(transpose=1), "layout.layers[0].transpose", "bool"),
    "mask and scores": (layer(mask="m", scores=SCORES), "layout.layers[0]", "found mask and scores"),
    "mask and unpruned": (layer(mask="m", unpruned=True), "layout.layers[0]", "found mask and unpruned"),
    "no order": (layer(scores={"array": "s", "kept": "1"}), "layout.layers[0].scores", "`by`"),
    "another order": (layer(scores=SCORES | {"by": "rank"}), "layout.layers[0].scores.by", "magnitude, value, found"),
    "both fractions": (layer(scores=SCORES | {"removed": "0.5"}), "layout.layers[0].scores", "kept and removed"),
    "a fraction above 1": (layer(scores=SCORES | {"kept": "2"}), "layout.layers[0].scores.kept", "found '2'"),
    "a count below 0": (layer(scores=SCORES | {"kept_count": -1}), "layout.layers[0].scores.kept_count", ">= 0"),
    "a fraction as a number": (layer(scores=SCORES | {"kept": 1}), "layout.layers[0].scores.kept", "str"),
    "a broken network": (changed("layers", to=[]), "layout.layers", "length >= 1"),
    "a network of other inputs": (changed("input", "shape", to=[2, 1]), "layout.input.shape", "(2,)"),
    "a network of other bits": (changed("input", "precision_bits", to=2), "layout.input.precision_bits", "found 2"),
}


@pytest.mark.parametrize(("file", "place", "says"), BAD.values(), ids=BAD.keys())
def test_what_is_refused(file, place, says):
    with pytest.raises(InputError) as caught:
        read_layout(file, OTHER)
    assert caught.value.place == place
    assert says in caught.value.problem
