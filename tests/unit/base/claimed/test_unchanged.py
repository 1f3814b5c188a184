"""A pruned network as the mask: nothing may be changed but by pruning."""

from __future__ import annotations

import json
from typing import Any

import pytest
from claimed_files import json_file

from certify.base.claimed import BaseFiles, pruned, read_base, read_masks
from certify.errors import FalseClaimError, InputError
from certify.network.reader import read_network

BASE: dict[str, Any] = {
    "format": "certify.network/1",
    "input": {"shape": [2], "low": -4, "high": 4, "precision_bits": 1},
    "layers": [
        {
            "op": "dense",
            "precision_bits": 3,
            "weights": [[1, 0, -8], [7, 2, 3]],
            "constants": [6],
            "bias": [0, 5],
            "then": [{"op": "relu"}, {"op": "clamp", "low": 0, "high": 9}],
        },
        {"op": "dense", "precision_bits": 2, "weights": [[4, -1]]},
    ],
}
SOURCE = BaseFiles((json_file(BASE),))
NETWORK = read_base(SOURCE, read_network(json.dumps(BASE).encode())).network


def changed(*changes: tuple[str, Any]) -> dict[str, Any]:
    """The base with other values at these places, such as `layers.0.bias.1`; None removes what is there."""
    document = json.loads(json.dumps(BASE))
    for path, value in changes:
        *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
        node: Any = document
        for key in parents:
            node = node[key]
        if value is None:
            del node[last]
        else:
            node[last] = value
    return document


def masks(document: dict[str, Any]) -> list[list[list[int]]]:
    found = read_masks(SOURCE, NETWORK, (json_file(document),))
    ticket = pruned(NETWORK, found)
    written = read_network(json.dumps(document).encode())
    assert [matrix.to_dense().tolist() for matrix in ticket.matrices] == [
        matrix.to_dense().tolist() for matrix in written.matrices
    ]
    return [
        [sorted(mask.columns[mask.start[row] : mask.start[row + 1]].tolist()) for row in range(mask.shape[0])]
        for mask in found
    ]


@pytest.mark.parametrize(
    ("document", "kept"),
    [
        pytest.param(BASE, [[[0, 2], [0, 1, 2]], [[0, 1]]], id="nothing; a weight that is 0 counts as pruned"),
        pytest.param(changed(("layers.0.weights.1", [7, 0, 0])), [[[0, 2], [0]], [[0, 1]]], id="two weights"),
        pytest.param(changed(("layers.0.weights", [[0] * 3] * 2)), [[[], []], [[0, 1]]], id="a whole matrix"),
        pytest.param(changed(("name", "n"), ("layers.0.name", "l")), [[[0, 2], [0, 1, 2]], [[0, 1]]], id="names"),
        pytest.param(changed(("input.low", -1)), [[[0, 2], [0, 1, 2]], [[0, 1]]], id="box"),
        pytest.param(changed(("input.scale", "0.5")), [[[0, 2], [0, 1, 2]], [[0, 1]]], id="display"),
        pytest.param(changed(("layers.1.then", [])), [[[0, 2], [0, 1, 2]], [[0, 1]]], id="no steps, said"),
    ],
)
def test_pruning_is_read_as_masks(document, kept):
    assert masks(document) == kept


WIDER = [[1, 0, 0, -8], [7, 2, 0, 3]]
RELU, CLAMP = '{"op":"relu"}', '{"op":"clamp","low":0,"high":9}'


@pytest.mark.parametrize(
    ("document", "place", "problem"),
    [
        pytest.param(
            changed(("layers.0.weights.1.1", 1)), "layers[0].weights[1][1]", ("0, or 2", "1"), id="a weight"
        ),
        pytest.param(changed(("layers.0.weights.0.1", 1)), "layers[0].weights[0][1]", ("0, or 0", "1"), id="a zero"),
        pytest.param(
            changed(("layers.0.weights", [[8, 1, 1]] * 2)),
            "layers[0].weights[0][0]",
            ("0, or 1", "8"),
            id="the first of several",
        ),
        pytest.param(changed(("layers.1.weights.0.1", 1)), "layers[1].weights[0][1]", ("0, or -1", "1"), id="a sign"),
        pytest.param(changed(("layers.0.bias.1", 0)), "layers[0].bias[1]", ("5", "0"), id="a bias, even to 0"),
        pytest.param(changed(("layers.0.bias", None)), "layers[0].bias[1]", ("5", "0"), id="no biases"),
        pytest.param(changed(("layers.0.constants.0", 7)), "layers[0].constants[0]", ("6", "7"), id="a constant"),
        pytest.param(changed(("layers.0.precision_bits", 4)), "layers[0].precision_bits", ("3", "4"), id="precision"),
        pytest.param(
            changed(("layers.0.then.0", {"op": "sign"})), "layers[0].then[0]", (RELU, '{"op":"sign"}'), id="a step"
        ),
        pytest.param(
            changed(("layers.0.then.1.high", 8)),
            "layers[0].then[1]",
            (CLAMP, CLAMP.replace("9", "8")),
            id="what a step names",
        ),
        pytest.param(changed(("layers.0.then.1", None)), "layers[0].then[1]", (CLAMP, "nothing"), id="a step less"),
        pytest.param(
            changed(("layers.1.then", [{"op": "relu"}])), "layers[1].then[0]", ("nothing", RELU), id="a step more"
        ),
        pytest.param(
            changed(("layers.0.weights", WIDER), ("layers.0.constants", [6, 6])),
            "layers[0].weights",
            ("(2, 3)", "(2, 4)"),
            id="a column more",
        ),
        pytest.param(
            changed(("layers.0.weights", [[1, 0, -8]]), ("layers.0.bias", [0]), ("layers.1.weights", [[4]])),
            "layers[0].weights",
            ("(2, 3)", "(1, 3)"),
            id="a unit less",
        ),
        pytest.param(changed(("layers.1", None)), "layers", ("2 layers", "1"), id="a layer less"),
        pytest.param(changed(("input.shape", [2, 1])), "input.shape", ("(2,)", "(2, 1)"), id="input shape"),
        pytest.param(
            changed(("input.shape", [3]), ("layers.0.constants", None)),
            "input.shape",
            ("(2,)", "(3,)"),
            id="an input for a constant",
        ),
        pytest.param(changed(("input.precision_bits", 2)), "input.precision_bits", ("1", "2"), id="input precision"),
    ],
)
def test_other_changes_are_false(document, place, problem):
    with pytest.raises(FalseClaimError) as caught:
        masks(document)
    expected, found = problem
    assert caught.value.place == place
    assert caught.value.problem == f"expected {expected} as in the base network, found {found}"


def test_a_file_that_is_no_network_is_not_false():
    with pytest.raises(InputError) as caught:
        masks(changed(("layers.0.weights.0.0", 9)))
    assert not isinstance(caught.value, FalseClaimError)
