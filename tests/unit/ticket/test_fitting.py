"""Which networks a ticket can be pruned from, and what is said of those that are none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_bases import layer, network, random_base

from certify.errors import InputError
from certify.network.steps import (
    Clamp,
    Offset,
    Relu,
    Requantize,
    RequantizeQ31,
    Sign,
    Threshold,
    apply_steps,
    rescale,
)
from certify.ticket.fitting import _with_one_shift, fit

ROUNDED = (Relu(), Requantize(3, "half_up"))
TARGET = network(
    (-2, 0), (2, 3), layer(4, [[3, -5], [0, 7], [1, 1]], steps=ROUNDED), layer(3, [[8, -1, 2]], bias=(5,)), bits=2
)
BASE = random_base(TARGET, [4, 5], [(2, 3), (2, 2)], [(), (1, 8)])


def with_layer(index, **changes):
    layers = list(BASE.layers)
    layers[index] = replace(layers[index], **changes)
    return replace(BASE, layers=tuple(layers))


def with_input(**changes):
    return replace(BASE, input=replace(BASE.input, **changes))


def test_a_base_that_fits():
    first, second = fit(TARGET, BASE)
    assert (first.hidden, first.output, second.hidden, second.output) == BASE.layers
    assert (first.input_bits, first.weight_bits) == (0, 1)
    assert (second.input_bits, second.weight_bits) == (0, 1)


def test_finer_bits_accumulate_until_a_step_ends_them():
    layers = [layer(2, [[1]], steps=steps) for steps in ((), (Relu(),), (Sign(),), ())]
    target = network((-1,), (1,), *layers)
    base = random_base(target, [3] * 4, [(2, 2), (1, 4), (2, 1), (3, 3)])
    assert [(pair.input_bits, pair.weight_bits) for pair in fit(target, base)] == [(0, 2), (2, 3), (5, 1), (0, 4)]


def test_its_box_and_its_display_are_of_no_account():
    fit(TARGET, with_input(low=(7, 7), high=(9, 9)))


@pytest.mark.parametrize(
    ("base", "place", "problem"),
    [
        pytest.param(
            with_input(shape=(1, 2)), "base.input.shape", "expected (2,) as in the target", id="input shape"
        ),
        pytest.param(
            with_input(precision_bits=3),
            "base.input.precision_bits",
            "expected 2 as in the target, found 3",
            id="bits",
        ),
        pytest.param(
            replace(BASE, layers=BASE.layers[:3]),
            "base.layers",
            "expected 4 layers, two for each of the target's, found 3",
            id="depth",
        ),
        pytest.param(
            with_layer(0, weights=BASE.layers[2].weights),
            "base.layers[0].weights",
            "expected 2 inputs, found 5",
            id="inputs",
        ),
        pytest.param(
            with_layer(3, weights=BASE.layers[1].weights),
            "base.layers[3].weights",
            "expected 5 inputs, found 4",
            id="hidden units",
        ),
        pytest.param(
            random_base(
                network((0, 0), (1, 1), layer(4, [[0, 0]] * 2), layer(3, [[0] * 2]), bits=2), [4, 5], [(2, 3)] * 2
            ),
            "base.layers[1].weights",
            "expected 3 outputs, found 2",
            id="outputs",
        ),
        pytest.param(
            with_layer(0, steps=()),
            "base.layers[0].then",
            "expected exactly a relu, or a leaky_relu, found []",
            id="no relu",
        ),
        pytest.param(
            with_layer(2, steps=(Relu(), Clamp(0, 9))),
            "base.layers[2].then",
            'expected exactly a relu, or a leaky_relu, found [{"op": "relu"}, {"op": "clamp", "low": 0, "high": 9}]',
            id="more than a relu",
        ),
        pytest.param(
            with_layer(2, bias=(0, 0, -4, 0, 1)),
            "base.layers[2].bias[2]",
            "expected 0, as pruning leaves a bias where it is, found -4",
            id="hidden bias",
        ),
        pytest.param(
            with_layer(3, bias=(9,)),
            "base.layers[3].bias[0]",
            "expected 0, as pruning leaves a bias where it is, found 9",
            id="output bias",
        ),
        pytest.param(
            with_layer(3, constants=(1,), weights=random_base(TARGET, [4, 6], [(2, 3)] * 2).layers[3].weights),
            "base.layers[3].constants",
            "expected none in the second layer of a pair, found 1",
            id="constants in an output layer",
        ),
        pytest.param(
            with_layer(1, precision_bits=1),
            "base.layers[1].precision_bits",
            "expected at least 4 bits together with layers[0], found 2 + 1: δ_t ≥ δ² fails",
            id="too coarse",
        ),
        pytest.param(
            with_layer(1, steps=ROUNDED),
            "base.layers[1].then",
            "expected the target's steps on integers finer by 2^1, "
            '[{"op": "relu"}, {"op": "requantize", "shift": 4, "rounding": "half_up", "zero_point": 0}], found '
            '[{"op": "relu"}, {"op": "requantize", "shift": 3, "rounding": "half_up", "zero_point": 0}]',
            id="steps not rescaled",
        ),
        pytest.param(
            with_layer(3, steps=(Relu(),)),
            "base.layers[3].then",
            'expected the target\'s steps on integers finer by 2^1, [], found [{"op": "relu"}]',
            id="a step too many",
        ),
    ],
)
def test_bases_that_do_not_fit(base, place, problem):
    with pytest.raises(InputError) as caught:
        fit(TARGET, base)
    assert caught.value.place == place
    assert caught.value.problem.startswith(problem)


def test_long_steps_are_cut():
    many = tuple(Offset(value) for value in range(99))
    with pytest.raises(InputError) as caught:
        fit(TARGET, with_layer(1, steps=many))
    assert len(str(caught.value)) < 500
    assert str(caught.value).endswith("…")


# A multiplier with the finer bits in its own shift.

MULTIPLIERS = [RequantizeQ31(1_500_000_000, 4, "single"), RequantizeQ31(3, -31, "float32", 7, 2)]


@pytest.mark.parametrize("step", [*MULTIPLIERS, RequantizeQ31((5, 2**30), (-2, 3), "single")], ids=str)
@pytest.mark.parametrize("before", [(), (Relu(), Offset(-3), Clamp(-50, 90))], ids=["alone", "after others"])
@pytest.mark.parametrize("after", [(), (Clamp(-9, 9), Requantize(1, "floor"))], ids=["last", "before others"])
def test_one_shift_in_the_place_of_two(step, before, after):
    outputs = 2 if isinstance(step.shift, tuple) else 1
    target = network((-3,), (3,), layer(2, [[3]] * outputs, steps=(*before, step, *after)))
    base = random_base(target, [4], [(3, 3)])
    exact = base.layers[1].steps
    one = (*exact[: len(before)], finer(step, 4), *exact[len(before) + 2 :])
    assert len(one) == len(exact) - 1
    for steps in (exact, one):
        assert fit(target, replace(base, layers=(base.layers[0], replace(base.layers[1], steps=steps))))
    for steps in (target.layers[0].steps, (*one[: len(before)], finer(step, 3), *one[len(before) + 1 :])):
        with pytest.raises(InputError, match=r"finer by 2\^4"):
            fit(target, replace(base, layers=(base.layers[0], replace(base.layers[1], steps=steps))))


def finer(step, bits):
    own = step.shift
    shift = own + bits if isinstance(own, int) else tuple(value + bits for value in own)
    return RequantizeQ31(step.multiplier, shift, step.rule, step.zero_point, step.precision_bits)


@given(
    st.sampled_from(["single", "float32"]),
    st.integers(1, 2**31 - 1),
    st.integers(-31, 40),
    st.integers(1, 90),
    st.integers(-(2**50), 2**50),
)
def test_one_shift_is_the_same_function(rule, multiplier, shift, bits, value):
    steps = (Offset(3), RequantizeQ31(multiplier, shift, rule))
    exact, left = rescale(steps, bits)
    one = _with_one_shift(steps, exact, bits)
    assert left == 0
    assert len(one) < len(exact)
    assert apply_steps(one, value << bits) == apply_steps(exact, value << bits) == apply_steps(steps, value)


def test_the_double_rule_is_not_the_same_function_and_is_refused():
    step = RequantizeQ31(2**30, 1, "double")
    assert apply_steps((step,), 1) != apply_steps((finer(step, 4),), 16)
    target = network((-3,), (3,), layer(2, [[3]], steps=(step,)))
    base = random_base(target, [4], [(3, 3)])
    with pytest.raises(InputError, match=r"finer by 2\^4"):
        fit(target, replace(base, layers=(base.layers[0], replace(base.layers[1], steps=(finer(step, 4),)))))


@pytest.mark.parametrize(
    "step", [Threshold(), Sign(), Requantize(2, "floor"), RequantizeQ31(9, 2, "single")], ids=str
)
def test_steps_of_the_targets_own_scale_stay(step):
    """Where nothing is finer, the target's shift and multiplier side by side are not drawn together."""
    steps = (Requantize(4, "floor"), step)
    target = network((-3,), (3,), layer(2, [[3]], steps=steps))
    base = random_base(target, [4], [(1, 1)])
    assert fit(target, base)[0].output.steps == steps
    one = (finer(step, 4),) if isinstance(step, RequantizeQ31) else (step,)
    with pytest.raises(InputError, match=r"finer by 2\^0"):
        fit(target, replace(base, layers=(base.layers[0], replace(base.layers[1], steps=one))))


def test_nothing_is_drawn_together_where_nothing_is_finer():
    target = network((-3,), (3,), layer(2, [[3]], steps=(MULTIPLIERS[0], Clamp(-1, 1))))
    base = random_base(target, [4], [(1, 1)])
    with pytest.raises(InputError, match=r"finer by 2\^0"):
        fit(target, replace(base, layers=(base.layers[0], replace(base.layers[1], steps=(MULTIPLIERS[0],)))))
