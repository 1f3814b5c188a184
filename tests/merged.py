"""What the tests of `certify.proof.merging` ask, every answer held against plain Python's on the whole box.

`settle` is for two networks: what is proved has to hold on every point, what is offered as a witness has to be one,
and no difference may be larger than the bound that is given. `unit` is for single units: each form that a unit
becomes has to be the unit at every point, however it came about. Steps are applied by `naive`, not by the code under
test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import product
from typing import Any

import mutants
import naive

from certify.monitor import Monitor
from certify.network.model import Network
from certify.network.steps import Step
from certify.proof.claim import EQUAL, Relation
from certify.proof.merging.atoms import Atoms
from certify.proof.merging.curves import Curve
from certify.proof.merging.facts import Facts
from certify.proof.merging.forms import Form
from certify.proof.merging.merge import Merging, merge
from certify.proof.merging.relatives import Relatives

RLIMIT = 3_000_000
Point = tuple[int, ...]


def steps_at(steps: Iterable[Step], x: int) -> int:
    """What the steps make of an integer, by `naive`."""
    for step in steps:
        x = naive.apply_step(mutants._step_document(step), x)
    return x


def quotient(factor: int, p: int, constant: int, denominator: int) -> int:
    """(factor · p + constant) / denominator, which has to be an integer."""
    exact = Fraction(factor * p + constant, denominator)
    assert exact.denominator == 1
    return int(exact)


def curve_at(curve: Curve, p: int) -> int:
    return steps_at(curve.steps, quotient(curve.factor, p, curve.constant, curve.denominator))


# Forms and atoms.


def form_at(form: Form, values: Sequence[int]) -> Fraction:
    """The form's value as a fraction."""
    total = sum((Fraction(factor) * values[atom] for atom, factor in form.terms), Fraction(form.constant))
    return total / form.denominator


def atoms_at(atoms: Atoms, point: Sequence[int]) -> list[int]:
    """The value of every atom; of one that is not defined there, an error."""
    values = list(point)
    for definition in atoms.definitions[len(point) :]:
        assert definition is not None
        line = sum(factor * values[atom] for atom, factor in definition.line)
        values.append(curve_at(definition.curve, line))
    return values


def grid(ranges: Sequence[tuple[int, int]]) -> list[Point]:
    return list(product(*(range(low, high + 1) for low, high in ranges)))


def new_atoms(*ranges: tuple[int, int], relatives: Any = None, rlimit: int = RLIMIT) -> Atoms:
    return Atoms(ranges, Facts(rlimit), relatives)


def simulated(*ranges: tuple[int, int], points: Sequence[Point] = ()) -> Atoms:
    """Atoms whose relatives are looked for on these points, or on all there are."""
    return new_atoms(*ranges, relatives=Relatives(list(points) or grid(ranges), RLIMIT))


def linear(factors: Sequence[int] | int, constant: int = 0) -> Form:
    """Σ factor · input + constant."""
    listed = [factors] if isinstance(factors, int) else factors
    return Form(tuple((index, factor) for index, factor in enumerate(listed) if factor), constant)


def assert_is(atoms: Atoms, form: Form, function: Callable[[list[int]], int], points: Iterable[Point]) -> None:
    """The form has the function's value at every point; the function gets the atoms' values."""
    for point in points:
        values = atoms_at(atoms, point)
        assert form_at(form, values) == function(values), (point, form)
        for value, (low, high) in zip(values, atoms.ranges, strict=True):
            assert low <= value <= high


def unit(atoms: Atoms, accumulator: Form, *steps: Step) -> Form:
    """The form of a unit, after the whole box was walked."""
    form = atoms.unit(accumulator, steps)

    def function(values: list[int]) -> int:
        exact = form_at(accumulator, values)
        assert exact.denominator == 1
        return steps_at(steps, int(exact))

    assert_is(atoms, form, function, grid(atoms.ranges[: atoms.inputs]))
    return form


# Networks.


@dataclass(frozen=True)
class Truth:
    """What walking the whole box shows.

    Attributes:
        largest: the largest difference of outputs, on the common scale.
        failing: where the relation fails.
    """

    largest: int
    failing: Mapping[Point, tuple[list[int], list[int]]]


def _scaled(document: Mapping[str, Any], bits: int, point: Point) -> list[int]:
    shift = bits - naive.output_precision_bits(dict(document))
    return [value << shift for value in naive.evaluate(dict(document), point)]


def winner(values: Sequence[int]) -> int:
    """The lowest index of the largest value."""
    best = 0
    for index, value in enumerate(values):
        if value > values[best]:
            best = index
    return best


def walk(left: Network, right: Network, relation: Relation = EQUAL) -> Truth:
    """Every point of the left network's box, in plain Python."""
    documents = [mutants.document_of(network) for network in (left, right)]
    both = partial(_scaled, bits=max(naive.output_precision_bits(document) for document in documents))
    largest, failing = 0, {}
    for point in naive.grid(documents[0]):
        ours, theirs = (both(document, point=point) for document in documents)
        gap = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
        largest = max(largest, gap)
        fails = winner(ours) != winner(theirs) if relation.name == "argmax" else gap > relation.bound
        if fails:
            failing[point] = (ours, theirs)
    return Truth(largest, failing)


def settle(left: Network, right: Network, relation: Relation = EQUAL, rlimit: int = RLIMIT) -> Merging:
    """What merging gives, after all that it says has been held against the whole box."""
    merging = merge(left, right, relation, rlimit, Monitor())
    truth = walk(left, right, relation)
    assert not (merging.proved and truth.failing)
    assert all(point in truth.failing for point in merging.points)
    assert merging.upper is None or truth.largest <= merging.upper
    assert bool(merging.obligations) == merging.proved
    return merging
