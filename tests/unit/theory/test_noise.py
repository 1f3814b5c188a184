"""Laws of noise and bounds of outputs, against all realizations of tiny tickets."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from certify.base.law import Precision
from certify.base.mask import from_bits
from certify.errors import InputError
from certify.network.evaluate import evaluate
from certify.network.matrix import Matrix, from_dense
from certify.network.model import Box, Dense, Network
from certify.network.steps import (
    Clamp,
    LeakyRelu,
    Offset,
    Relu,
    Requantize,
    RequantizeQ31,
    Sign,
    Step,
    apply_step,
    apply_steps,
)
from certify.proof.claim import Relation, Verdict
from certify.proof.prover import prove
from certify.theory.deviation import Ranges, accumulator_moments, after_step, deviation
from certify.theory.noise import Noise
from certify.theory.noisy_ticket import HALVES, NoisyTicket, with_noise
from certify.ticket import find_ticket

FORMS = ("stochastic", "coarser:1", "uniform:1:1", "flip:1/3")


def network(layers: Sequence[tuple[list[list[int]], list[int], tuple[Step, ...]]], low: int, high: int) -> Network:
    made = [Dense(from_dense(np.array(w, dtype=np.int64)), 1, tuple(b), (), steps) for w, b, steps in layers]
    inputs = made[0].inputs
    return Network("tiny", Box((inputs,), (low,) * inputs, (high,) * inputs, 0), tuple(made))


ONE = network([([[1, -1]], [1], ())], -2, 1)
TWO = network([([[1, -1]], [0], (Relu(),)), ([[1], [-1]], [0, 0], (Requantize(1, "half_even"),))], -1, 2)


def noisy(target: Network, form: str, seed: str) -> NoisyTicket:
    """The bits that a weight is drawn with beyond δ make `stochastic` noise."""
    drawn = 2 if form == "stochastic" else 1
    precisions = [Precision(drawn, 1)] * len(target.layers)
    ticket = find_ticket(target, seed, precisions=precisions)
    return with_noise(target, ticket.base, ticket.masks, Noise.parse(form))


def realizations(ticket: NoisyTicket) -> Iterator[tuple[list[np.ndarray], int]]:
    """All errors of all kept weights, and how many draws give them."""
    laws = [matrix.law(entry) for matrix in ticket.matrices for entry in range(matrix.exact.entries)]
    ends = np.cumsum([0, *(matrix.exact.entries for matrix in ticket.matrices)])
    for drawn in itertools.product(*(list(law.items()) for law in laws)):
        errors = np.array([error for error, _ in drawn], dtype=np.int64)
        yield [errors[a:b] for a, b in itertools.pairwise(ends)], math.prod(count for _, count in drawn)


def entries(matrix: Matrix) -> list[tuple[int, int, int]]:
    return list(zip(matrix.row_of_entry().tolist(), matrix.columns.tolist(), matrix.values.tolist(), strict=True))


def naive(found: Network, point: Sequence[int]) -> list[int]:
    """The outputs, by definition."""
    values = list(point)
    for layer in found.layers:
        read, sums = [*values, *layer.constants], [0] * layer.outputs
        for row, column, weight in entries(layer.weights):
            sums[row] += weight * read[column]
        values = [apply_steps(layer.steps, value) for value in sums]
    return values


@pytest.mark.parametrize(
    ("form", "seed", "weights"),
    [
        ("stochastic", "4", [1, -1]),
        ("coarser:1", "4", [1, -1]),
        ("uniform:1:1", "9", [0, 1]),
        ("flip:1/3", "9", [1, 0]),
    ],
)
def test_law_of_a_represented_weight(form, seed, weights):
    target = network([([weights], [0], ())], -1, 1)
    ticket = noisy(target, form, seed)
    pair = ticket.pairs[0]
    counted = {key: Counter() for key in itertools.product(((0, 0), (0, 1)), HALVES)}
    for errors, count in small(realizations(ticket)):
        first = {row: (column, value) for row, column, value in entries(pair.first.with_errors(errors[0]))}
        sums = Counter(dict.fromkeys(counted, 0))
        for row, unit, value in entries(pair.second.with_errors(errors[1])):
            column, u = first[unit]
            sums[(row, column), "+"] += value * max(u, 0)
            sums[(row, column), "-"] += value * min(u, 0)
        for key, total in sums.items():
            counted[key][total] += count
    for place, halves in pair.represented().items():
        for half, error in zip(HALVES, halves, strict=True):
            every, law = counted[place, half], error.law()
            assert {value + error.exact: law.probability(value) for value, _ in law.items()} == {
                value: Fraction(count, every.total()) for value, count in every.items()
            }
            assert (law.mean, law.variance) == (error.mean, error.variance)
            assert (min(every), max(every)) == (error.exact + error.low, error.exact + error.high)


def small(found: Iterator[tuple[list[np.ndarray], int]]) -> list[tuple[list[np.ndarray], int]]:
    every = list(itertools.islice(found, 7000))
    assert 2 < len(every) < 7000
    return every


def largest(ticket: NoisyTicket, points: list[tuple[int, ...]]) -> int:
    exact = ticket.realized([matrix.kind * 0 for matrix in ticket.matrices])
    plain = {point: naive(exact, point) for point in points}
    for point in points:
        bits = exact.output_precision_bits() - ticket.target.output_precision_bits()
        assert plain[point] == [value << bits for value in evaluate(ticket.target, point)]
    return max(
        abs(a - b)
        for errors, _ in small(realizations(ticket))
        for found in [ticket.realized(errors)]
        for point in points
        for a, b in zip(naive(found, point), plain[point], strict=True)
    )


def grid(target: Network) -> list[tuple[int, ...]]:
    box = target.input
    return list(itertools.product(*(range(a, b + 1) for a, b in zip(box.low, box.high, strict=True))))


@pytest.mark.parametrize(("target", "form", "seed"), [(ONE, "coarser:1", "0"), (TWO, "coarser:1", "2")])
def test_bound_against_all_realizations_on_the_whole_grid(target, form, seed):
    ticket = noisy(target, form, seed)
    found = deviation(ticket)
    seen = largest(ticket, grid(target))
    assert 0 < seen <= found.bound
    if target is ONE:
        # One pair without steps: the bound is reached, so one that is smaller by 1 would be wrong.
        assert seen == found.bound


def test_prover_and_evaluator_know_the_realization():
    ticket = noisy(TWO, "flip:1/3", "2")
    bound = deviation(ticket).bound
    generator = random.Random(1)
    for _ in range(3):
        other = ticket.realized(ticket.draw(generator))
        for point in grid(TWO):
            assert list(evaluate(other, point)) == naive(other, point)
        proof = prove(TWO, other, relation=Relation("within", bound))
        assert proof.verdict is Verdict.PROVED
        assert proof.maximum is None or proof.maximum.seen <= bound


def test_no_noise_no_difference():
    ticket = find_ticket(TWO, "2")
    found = deviation(with_noise(TWO, ticket.base, ticket.masks, Noise.parse("stochastic")))
    assert found.bound == 0
    assert [layer.largest for layer in found.layers] == [0, 0]


def test_moments_of_an_accumulator():
    ticket = noisy(ONE, "coarser:1", "0")
    exact = ticket.realized([matrix.kind * 0 for matrix in ticket.matrices])
    for point in ((-2, 1), (1, 0)):
        law: Counter[int] = Counter()
        for errors, count in small(realizations(ticket)):
            law[naive(ticket.realized(errors), point)[0] - naive(exact, point)[0]] += count
        mean = Fraction(sum(value * count for value, count in law.items()), law.total())
        square = Fraction(sum(value * value * count for value, count in law.items()), law.total())
        assert accumulator_moments(ticket, point, 0) == (mean, square - mean**2)
    with pytest.raises(InputError, match="a point of 2 features, found 1"):
        accumulator_moments(ticket, (1,), 0)


STEPS: list[Step] = [
    Relu(),
    Clamp(-3, 5),
    Offset(4),
    Sign(),
    *(Requantize(1, rounding, 3) for rounding in ("floor", "half_up", "half_even", "half_away", "toward_zero")),
    *(RequantizeQ31(3 << 28, 0, rule, 1) for rule in ("single", "double", "float32")),
]


@pytest.mark.parametrize("step", STEPS, ids=repr)
def test_no_step_moves_a_difference_beyond_its_bound(step):
    """All x in a range and all d in another."""
    generator = random.Random(str(step))
    for _ in range(150):
        low, least = generator.randint(-9, 6), generator.randint(-5, 4)
        high, most = low + generator.randint(0, 5), least + generator.randint(0, 5)
        found = after_step(step, Ranges((low, high), (low + least, high + most), (least, most)))
        seen = [
            (apply_step(step, x), apply_step(step, x + d))
            for x in range(low, high + 1)
            for d in range(least, most + 1)
        ]
        for span, values in (
            (found.exact, [a for a, _ in seen]),
            (found.noisy, [b for _, b in seen]),
            (found.off, [b - a for a, b in seen]),
        ):
            assert span[0] <= min(values)
            assert max(values) <= span[1]


@pytest.mark.parametrize("form", FORMS)
def test_law_of_a_form(form):
    noise = Noise.parse(form)
    for weight, rest in itertools.product(range(-4, 5), (0, 1, 3)):
        law = noise.law(weight, rest, 2)
        # What has a mean has the one that its form says.
        assert law.mean == (Fraction(rest, 4) if form == "stochastic" else 0)
    assert dict(Noise.parse("coarser:2").law(-3).items()) == {-1: 3, 3: 1}
    assert dict(Noise.parse("stochastic").law(0, -1, 2).items()) == {-1: 1, 0: 3}
    assert Noise.parse("flip:1/3").law(0).probability(-1) == Fraction(1, 6)
    assert Noise.parse("uniform:1:1").law(0).probability(1) == Fraction(1, 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gauss:1", "noise of a form"),
        ("stochastic:1", "noise of a form"),
        ("", "noise of a form"),
        ("flip:3/2", "p ≤ q"),
        ("flip:1/0", "p ≤ q"),
        ("flip:-1/2", "a probability p/q"),
        ("flip:0.5", "a probability p/q"),
        ("coarser:0", "an integer from 1 to 4"),
        ("uniform:33:1", "an integer from 1 to 32"),
        ("uniform:1:٣", "an integer from 1 to 4"),
    ],
)
def test_no_noise_of_that_form(text, said):
    with pytest.raises(InputError, match=said):
        Noise.parse(text)


def test_what_has_no_exact_law_is_refused():
    ticket = find_ticket(ONE, "0")
    two = from_bits(np.ones(ticket.masks[0].shape, dtype=np.bool_))
    with pytest.raises(InputError, match="units of one input each"):
        deviation(with_noise(ONE, ticket.base, (two, ticket.masks[1]), Noise.parse("flip:1/3")))
    fine = replace(ticket.base, precisions=(Precision(30, 30),))
    with pytest.raises(InputError, match="at most 30 bits, found 31"):
        with_noise(ONE, fine, ticket.masks, Noise.parse("uniform:1:1"))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"construction": "theorem-2"}, "expected the construction theorem-1, found theorem-2"),
        ({"construction": "binary"}, "expected the construction theorem-1, found binary"),
        ({"activation": LeakyRelu(1)}, "expected relu, found leaky_relu:1"),
    ],
)
def test_another_network_than_pairs_with_relus_is_refused(other, said):
    ticket = find_ticket(ONE, "0")
    with pytest.raises(InputError, match=said):
        with_noise(ONE, replace(ticket.base, **other), ticket.masks, Noise.parse("flip:1/3"))
