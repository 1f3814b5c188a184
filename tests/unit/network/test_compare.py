"""Which networks are comparable, and equality of values on the common scale."""

from __future__ import annotations

import json

import naive
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import documents, step_lists

from certify.errors import InputError
from certify.network.compare import check_comparable, common_scale, same_values
from certify.network.evaluate import evaluate
from certify.network.reader import read_network


def document(bits: int = 4, weights=None, then=(), **box) -> dict:
    layer = {"op": "dense", "precision_bits": bits, "weights": weights or [[1, 2]], "then": list(then)}
    whole = {"shape": [2], "low": -4, "high": 4, "precision_bits": 2} | box
    return {"format": "certify.network/1", "input": whole, "layers": [layer]}


def network(written: dict):
    return read_network(json.dumps(written).encode())


@pytest.mark.parametrize(
    ("other", "place", "problem"),
    [
        pytest.param(
            document(shape=[2, 1]),
            "input.shape",
            "expected (2,) as in the first network, found (2, 1) in the second",
            id="shape",
        ),
        pytest.param(
            document(precision_bits=3),
            "input.precision_bits",
            "expected 2 as in the first network, found 3 in the second",
            id="precision",
        ),
        pytest.param(
            document(weights=[[1, 2], [3, 4]]),
            "outputs",
            "expected 1 as in the first network, found 2 in the second",
            id="outputs",
        ),
    ],
)
def test_not_comparable(other, place, problem):
    with pytest.raises(InputError) as caught:
        check_comparable(network(document()), network(other))
    assert (caught.value.place, caught.value.problem) == (place, problem)


def shaped(*layers: dict) -> dict:
    box = {"shape": [1, 2, 3], "low": 0, "high": 1, "precision_bits": 0}
    return {"format": "certify.network/1", "input": box, "layers": list(layers)}


def to(*shape: int) -> dict:
    return {"op": "reshape", "shape": list(shape)}


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param([2, 3], [2, 3], id="the same"),
        pytest.param([1, 2, 3], [2, 3, 1], id="dimensions of 1"),
        pytest.param([6], [1, 2, 3], id="a list and an image"),
        pytest.param([3, 2], [1, 1, 6], id="an image and a list with dimensions of 1"),
    ],
)
def test_output_shapes_in_one_order(left, right):
    check_comparable(network(shaped(to(*left))), network(shaped(to(*right))))


def test_output_shapes_in_two_orders():
    with pytest.raises(InputError) as caught:
        check_comparable(network(shaped(to(2, 3))), network(shaped(to(3, 1, 2))))
    assert caught.value.place == "output.shape"
    assert caught.value.problem == "expected (2, 3) as in the first network, found (3, 1, 2) in the second"


def test_boxes_and_output_precision_may_differ():
    check_comparable(network(document()), network(document(bits=7, low=-1, high=0)))


def shift(amount: int) -> dict:
    return {"op": "requantize", "shift": amount, "rounding": "floor"}


@pytest.mark.parametrize(
    ("left", "right", "shifts"),
    [
        pytest.param(document(), document(), (0, 0), id="same"),
        pytest.param(document(bits=4), document(bits=7), (3, 0), id="right is finer"),
        pytest.param(document(then=[shift(6)]), document(then=[shift(9)]), (0, 3), id="right below 0"),
        pytest.param(document(then=[shift(1024)]), document(then=[shift(1000)]), (24, 0), id="both below 0"),
        pytest.param(document(then=[{"op": "sign"}]), document(bits=2, then=[shift(7)]), (0, 3), id="sign"),
    ],
)
def test_common_scale(left, right, shifts):
    assert common_scale(network(left), network(right)) == shifts
    assert common_scale(network(right), network(left)) == shifts[::-1]


def test_a_scaled_copy_has_the_same_values_and_a_changed_one_has_not():
    left, right = document(bits=4), document(bits=7, weights=[[8, 16]])
    other = document(bits=7, weights=[[8, 17]])
    assert naive.equal_on_grid(left, right)
    assert not naive.equal_on_grid(left, other)
    for point in naive.grid(left):
        outputs = [evaluate(network(written), point) for written in (left, right, other)]
        assert same_values(network(left), network(right), *outputs[:2])
        assert same_values(network(left), network(other), outputs[0], outputs[2]) == (point[1] == 0)


def test_equal_integers_of_different_precision_are_different_values():
    left, right = network(document(bits=4)), network(document(bits=5))
    assert not same_values(left, right, (3,), (3,))
    assert same_values(left, right, (3,), (6,))
    assert same_values(left, right, (0,), (0,))


@given(
    st.data(),
    documents(max_inputs=1, max_outputs=2),
    documents(max_inputs=1, max_outputs=2, then=step_lists()),
)
def test_values_are_compared_as_the_oracle_does(data, a, b):
    outputs = len(naive.integers(a["layers"][-1]["weights"]))
    rows = naive.integers(b["layers"][-1]["weights"])
    b["layers"][-1] |= {"weights": (rows * 2)[:outputs]}
    b["layers"][-1].pop("bias", None)
    left, right = network(a), network(b)
    left_out = naive.evaluate(a, data.draw(st.sampled_from(list(naive.grid(a)))))
    right_out = naive.evaluate(b, data.draw(st.sampled_from(list(naive.grid(b)))))
    left_values = [naive.value(a, x) for x in left_out]
    right_values = [naive.value(b, x) for x in right_out]
    assert same_values(left, right, left_out, right_out) == (left_values == right_values)
