"""Every way in which a unit becomes a form of atoms, in any order of units, and what happens after one small change.

`merged.unit` walks the whole range of the inputs after every unit, so a unit that was merged with what differs from
it at one point is an error, whatever the case says.
"""

from __future__ import annotations

import random
from functools import partial
from itertools import permutations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from merged import linear, new_atoms, simulated, unit
from strategies import RULES

from certify.errors import DisagreementError
from certify.network.rounding import ROUNDINGS
from certify.network.steps import Clamp, Offset, Relu, Requantize, RequantizeQ31, Sign, Step, Threshold
from certify.proof.merging.atoms import MOST_RELATED
from certify.proof.merging.curves import Curve
from certify.proof.merging.facts import GaveUpError
from certify.proof.merging.forms import Form, atom_form, combine
from solvers.smt.session import Answer, Outcome

RELU = (Relu(),)
ONE = 2**30


def q31(shift: int, rule: str, multiplier: int = ONE + 12345, zero_point: int = 0) -> RequantizeQ31:
    return RequantizeQ31(multiplier, shift, rule, zero_point)


def clamp(low: int, high: int) -> tuple[Step, ...]:
    return (Clamp(low, high),)


def rounded(shift: int, rounding: str = "floor", zero_point: int = 0) -> tuple[Step, ...]:
    return (Requantize(shift, rounding, zero_point),)


# Name: the range of x, how many atoms besides x there are at the end, and units (factor, constant, steps).
ONE_LINE = {
    "the same": ((-4, 5), 1, [(3, 2, RELU), (3, 2, RELU)]),
    "scaled": ((-4, 5), 1, [(3, 2, RELU), (6, 4, RELU), (15, 10, RELU)]),
    "the other side": ((-4, 5), 1, [(3, 2, RELU), (-3, -2, RELU)]),
    "the other side, scaled": ((-4, 5), 1, [(6, 4, RELU), (-9, -6, RELU)]),
    "dead up to the end": ((-4, 5), 0, [(1, -5, RELU), (-2, -8, RELU)]),
    "one point short of dead": ((-4, 5), 1, [(1, -4, RELU)]),
    "linear up to the end": ((-4, 5), 0, [(1, 4, RELU), (-1, 5, RELU)]),
    "one point short of linear": ((-4, 5), 1, [(1, 3, RELU)]),
    "bends elsewhere": ((-4, 5), 2, [(1, 0, RELU), (1, -1, RELU)]),
    "a bend in between": ((-4, 5), 2, [(2, -1, RELU), (1, 0, RELU)]),
    "a clamp of two ReLUs": ((-9, 9), 2, [(1, 0, RELU), (1, -5, RELU), (1, 0, clamp(0, 5))]),
    "a clamp of scaled ReLUs": ((-9, 9), 2, [(2, 2, RELU), (-3, 12, RELU), (1, 0, clamp(-1, 4))]),
    "a clamp that is a ReLU here": ((-9, 9), 1, [(1, 0, RELU), (1, 0, clamp(0, 9))]),
    "a clamp that bends one short": ((-9, 9), 2, [(1, 0, RELU), (1, 0, clamp(0, 8))]),
    "a clamp that does nothing": ((-9, 9), 0, [(1, 0, clamp(-9, 9))]),
    "a clamp to a point": ((-9, 9), 0, [(1, 0, clamp(3, 3))]),
    "clamps side by side": ((-9, 9), 2, [(1, 0, clamp(-3, 0)), (1, 0, clamp(0, 4)), (1, 0, clamp(-3, 4))]),
    "a step": ((-4, 5), 1, [(1, 0, (Threshold(),)), (3, 2, (Threshold(),)), (-2, -1, (Threshold(),))]),
    "a step that is an integer off": ((-4, 5), 2, [(1, 0, (Threshold(),)), (3, 3, (Threshold(),))]),
    "signs and steps": ((-4, 5), 1, [(1, 0, (Sign(),)), (5, 4, (Threshold(),)), (-7, -1, (Sign(),))]),
    "a step of two ReLUs": ((-4, 5), 2, [(1, 1, RELU), (1, 0, RELU), (1, 0, (Threshold(),))]),
    "a ReLU after a step": ((-4, 5), 1, [(1, 0, (Threshold(),)), (1, 0, (Sign(), Relu()))]),
    "offsets": ((-4, 5), 1, [(1, 0, (Offset(2), Relu())), (1, 2, RELU), (2, 5, (Offset(-1), Relu(), Offset(7)))]),
    "steps that stay linear": ((-4, 5), 0, [(8, 4, rounded(2)), (8, 4, (Requantize(2, "half_even"), Offset(3)))]),
    "rounded down, scaled": ((-9, 9), 1, [(2, 0, rounded(2)), (1, 0, rounded(1)), (4, 0, rounded(3))]),
    "rounded half-up as down": ((-9, 9), 1, [(1, 0, rounded(1, "half_up")), (1, 1, rounded(1))]),
    "rounded half-up as down, shifted": ((-9, 9), 2, [(1, 0, rounded(2, "half_up")), (1, 1, rounded(2))]),
    "a zero point": ((-9, 9), 1, [(1, 0, rounded(2, "half_even", 3)), (1, 0, rounded(2, "half_even"))]),
    "toward zero as down": ((0, 30), 1, [(1, 0, rounded(2, "toward_zero")), (1, 0, rounded(2))]),
    "toward zero as down, one below": ((-1, 30), 2, [(1, 0, rounded(2, "toward_zero")), (1, 0, rounded(2))]),
    "half away as half-up": ((-1, 30), 1, [(1, 0, rounded(2, "half_away")), (1, 0, rounded(2, "half_up"))]),
    "half away as half-up, one tie": ((-2, 30), 2, [(1, 0, rounded(2, "half_away")), (1, 0, rounded(2, "half_up"))]),
    "a ReLU and then rounded": ((-9, 9), 1, [(2, 2, (*RELU, *rounded(3))), (1, 1, (*RELU, *rounded(2)))]),
    "a whole shift out of a ReLU": ((-9, 9), 1, [(4, -8, (*RELU, *rounded(2))), (1, -2, RELU)]),
}
for _rule in RULES:
    _steps = (q31(1, _rule), Relu())
    ONE_LINE[f"a multiplier, {_rule}"] = ((-9, 9), 1, [(40, 3, _steps), (40, 3, _steps)])
    ONE_LINE[f"a ticket's multiplier, {_rule}"] = (
        (-9, 9),
        1,
        [(40, 3, _steps), (320, 24, (Requantize(3, "floor"), *_steps))],
    )
    if _rule != "double":
        ONE_LINE[f"a multiplier of a larger shift, {_rule}"] = (
            (-2, 2),
            1,
            [(5, 3, _steps), (20, 12, (q31(3, _rule), Relu()))],
        )


LITTLE = partial(new_atoms, rlimit=30_000)
"""Enough for most, and float32 is given up on sooner."""


def atoms_after(span, units, make=new_atoms):
    atoms = make(span)
    for factor, constant, steps in units:
        unit(atoms, linear(factor, constant), *steps)
    return len(atoms.definitions) - atoms.inputs


@pytest.mark.parametrize(("span", "expected", "units"), ONE_LINE.values(), ids=ONE_LINE)
def test_units_on_one_line(span, expected, units):
    """No order of units matters; simulation finds nothing that is not there either."""
    found = [atoms_after(span, order) for order in permutations(units)]
    assert found == [expected] * len(found)
    assert atoms_after(span, units, simulated) == expected


def changed_steps(step):
    match step:
        case Relu():
            return [[], [Clamp(0, 3)], [Relu(), Offset(1)]]
        case Clamp(low, high):
            ends = [(low - 1, high), (low + 1, high), (low, high - 1), (low, high + 1)]
            return [[Clamp(*end)] for end in ends if end[0] <= end[1]]
        case Offset(value):
            return [[Offset(value + 1)], [Offset(value - 1)]]
        case Threshold():
            return [[Sign()]]
        case Sign():
            return [[Threshold()]]
        case Requantize(shift, rounding, zero_point):
            others = [Requantize(shift, other, zero_point) for other in ROUNDINGS if other != rounding]
            return [[other] for other in (*others, Requantize(shift + 1, rounding), Requantize(shift, rounding, 7))]
        case RequantizeQ31(multiplier, shift, rule, zero_point):
            changes = [{"multiplier": multiplier + 2**22}, {"shift": shift - 1}, {"zero_point": zero_point + 1}]
            changes += [{"rule": other} for other in RULES if other != rule]
            return [[msgspec.structs.replace(step, **change)] for change in changes]


def changed(units, which):
    factor, constant, steps = units[which]
    found = [(factor + 1, constant, steps), (-factor, constant, steps)]
    found += [(factor, constant + by, steps) for by in (-1, 1, 2)]
    for at, step in enumerate(steps):
        found += [(factor, constant, (*steps[:at], *other, *steps[at + 1 :])) for other in changed_steps(step)]
    return [[*units[:which], other, *units[which + 1 :]] for other in found if other[0]]


@pytest.mark.parametrize(("span", "expected", "units"), ONE_LINE.values(), ids=ONE_LINE)
def test_units_after_one_change(span, expected, units):
    """Of a weight, a bias, a step or an end of the range: no form is wrong at any point."""
    del expected
    found = changed(units, len(units) - 1)
    for number, other in enumerate(random.Random(7).sample(found, min(8, len(found)))):
        atoms_after(span, other[:: (-1) ** number], LITTLE)
    for other in [(span[0] - 1, span[1]), (span[0], span[1] + 1), (span[0] + 2, span[1])]:
        atoms_after(other, units, LITTLE)


@pytest.mark.parametrize(
    ("span", "units"),
    [
        ((-3, 10**6), [(1, 0, RELU), (1, -(10**6) + 1, RELU), (1, 0, clamp(0, 10**6 - 1))]),
        ((-(10**9), 10**9), [(3, 2, RELU), (-6, -4, RELU)]),
        ((-(10**9), 10**9), [(1, 0, rounded(4)), (2, 1, rounded(5))]),
    ],
    ids=["a bend just before the end", "far", "stairs"],
)
def test_long_ranges_are_known_by_some_points_and_proved_by_z3(span, units):
    atoms = new_atoms(span)
    for factor, constant, steps in units:
        atoms.unit(linear(factor, constant), steps)
    assert len(atoms.definitions) - atoms.inputs == len(units) - 1


def test_a_difference_that_no_point_shows_is_z3s_to_find():
    """x + 1 rounded toward zero and down differ below zero, where few of so many points are looked at."""
    atoms = new_atoms((-5, 2**40))
    one = atoms.unit(linear(1), rounded(20, "toward_zero"))
    other = atoms.unit(linear(1), rounded(20))
    assert one != other
    assert len(atoms.definitions) == 3


# Several lines.


def test_lines_are_told_apart():
    atoms = new_atoms((-3, 3), (-3, 3))
    forms = [unit(atoms, linear(factors), Relu()) for factors in [(1, 1), (1, -1), (2, 2), (-1, 1), (1, 0), (1, 2)]]
    assert forms[2] == combine([(2, forms[0])])
    assert forms[3] == combine([(1, forms[1]), (-1, linear((1, -1)))])
    assert len(atoms.definitions) - atoms.inputs == 4


def test_units_of_units():
    """σ(σ(x) - 2) is σ(x - 2), but on another line: only simulation sees it."""
    for make, expected in ((new_atoms, 3), (simulated, 2)):
        atoms = make((-4, 5))
        inner = unit(atoms, linear(1), Relu())
        unit(atoms, linear(1, -2), Relu())
        unit(atoms, combine([(1, inner)], -2), Relu())
        assert len(atoms.definitions) - atoms.inputs == expected


def test_without_steps_a_unit_is_its_sum():
    atoms = new_atoms((-3, 3))
    form = Form(((0, 2),), 5, 1)
    assert atoms.unit(form, ()) is form
    assert not atoms.facts.needed


@pytest.mark.parametrize("value", [-5, 0, 7])
def test_a_sum_without_atoms_is_a_number(value):
    atoms = new_atoms((-3, 3))
    assert unit(atoms, linear(0, value), Relu(), Requantize(1, "half_even"), Offset(2)).terms == ()
    assert atoms.facts.counts()["curve"].count == 1


@pytest.mark.parametrize(
    ("answer", "error"), [(Answer.SAT, DisagreementError), (Answer.UNKNOWN, GaveUpError)], ids=["denied", "gave up"]
)
def test_a_number_that_z3_does_not_confirm(monkeypatch, answer, error):
    atoms = new_atoms((-3, 3))
    monkeypatch.setattr(atoms.facts, "holds", lambda *_: Outcome(answer, reason="told to"))
    with pytest.raises(error, match="a unit at -5 is 0"):
        atoms.unit(linear(0, -5), (Relu(),))


@pytest.mark.parametrize("answer", [Answer.SAT, Answer.UNKNOWN])
@pytest.mark.parametrize(
    "units",
    [[(3, 2, RELU), (-3, -2, RELU)], [(1, 0, RELU), (1, 0, clamp(0, 9))], [(3, 2, RELU), (6, 4, RELU)]],
    ids=["a combination", "the same", "scaled"],
)
def test_only_unsat_combines(monkeypatch, answer, units):
    """Then a unit is an atom of its own, and so is what would have been simpler."""
    atoms = new_atoms((-9, 9))
    monkeypatch.setattr(atoms.facts, "holds", lambda *_: Outcome(answer, reason="told to"))
    forms = [unit(atoms, linear(factor, constant), *steps) for factor, constant, steps in units]
    assert all(form == atom_form(form.terms[0][0]) for form in forms)
    assert forms[0] != forms[1]
    assert len(atoms.definitions) - atoms.inputs >= 2
    assert atoms.facts.counts().keys() == {"range"}


P, BENT = Curve(1, 0, 1, RELU), Curve(1, -3, 1, RELU)
CLAIMS = {
    "itself": (((0, 9), P, 1, (), 1, 0), True),
    "on another range": (((-1, 9), P, 1, (), 1, 0), False),
    "of another curve": (((0, 9), BENT, 1, (), 1, 0), False),
    "of half of it": (((0, 9), P, 2, (), 1, 0), False),
    "with another curve": (((0, 9), P, 1, ((1, BENT),), 1, 0), False),
    "of another slope": (((0, 9), P, 1, (), 2, 0), False),
    "of another constant": (((0, 9), P, 1, (), 1, 1), False),
    "over a denominator": (((0, 9), P, 3, (), 3, 0), True),
    "by itself": (((-9, 9), P, 1, ((1, P),), 0, 0), True),
    "by twice itself": (((-9, 9), P, 1, ((2, P),), 0, 0), False),
    "by half itself": (((-9, 9), P, 2, ((1, P),), 0, 0), False),
    "by itself, and the line": (((-9, 9), P, 1, ((1, P),), 1, 0), False),
    "by itself, and a constant": (((-9, 9), P, 1, ((1, P),), 0, 1), False),
}


@pytest.mark.parametrize(("claim", "expected"), CLAIMS.values(), ids=CLAIMS)
def test_a_claim_is_not_answered_by_another(claim, expected):
    """σ(p) = p on 0..9 is known, and all the other claims have been asked about."""
    atoms = new_atoms((0, 9))
    for other, proved in [CLAIMS["itself"], *CLAIMS.values(), CLAIMS["itself"]]:
        assert atoms._proved(*other) == proved
    assert atoms._proved(*claim) == expected == new_atoms((0, 9))._proved(*claim)


# Denominators: an atom that is twice what comes after it.

TWICE = (RequantizeQ31(ONE, -1, "double"), Relu())
"""σ, by a multiplication by one that cannot be unscaled."""


@pytest.fixture
def halves():
    """Atoms in which σ(x) is half an atom, σ(2x), and -σ(x) is too."""
    atoms = new_atoms((-5, 6))
    twice = unit(atoms, linear(2), *TWICE)
    once = unit(atoms, linear(1), Relu())
    assert twice == atom_form(1)
    assert once == Form(((1, 1),), 0, 2)
    return atoms, once, twice


ABOVE = {
    "the same": ([(1, 0, -3), (1, 0, -3)], 1),
    "twice, and then once": ([(0, 1, -6), (1, 0, -3)], 1),
    "once, and then twice": ([(1, 0, -3), (0, 1, -6)], 1),
    "three times": ([(3, 0, -9), (1, 0, -3), (0, 3, -18)], 1),
    "another constant": ([(1, 0, -3), (0, 1, -5)], 2),
    "another constant first": ([(0, 1, -5), (1, 0, -3)], 2),
    "the other side": ([(1, 0, -3), (-1, 0, 3)], 1),
    "halves that add up": ([(1, 1, -9), (3, 0, -9)], 1),
    "dead": ([(1, 0, -6), (0, 1, -12), (0, 1, -13)], 0),
    "dead but for one point": ([(1, 0, -5)], 1),
}


@pytest.mark.parametrize(("units", "expected"), ABOVE.values(), ids=ABOVE)
@pytest.mark.parametrize("steps", [RELU, clamp(0, 2), TWICE], ids=["a ReLU", "a clamp", "a multiplier"])
def test_units_above_halves(halves, units, expected, steps):
    """(a, b, c): a unit on a · σ(x) + b · 2σ(x) + c."""
    atoms, once, twice = halves
    for a, b, c in units:
        unit(atoms, combine([(a, once), (b, twice)], c), *steps)
    if steps == RELU:
        assert len(atoms.definitions) - 2 == expected


def test_units_above_halves_and_others(halves):
    atoms, once, _ = halves
    other = unit(atoms, linear(1, -2), Relu())
    sums = [combine([(1, once), (factor, other)], constant) for factor in (-2, 1, 3) for constant in (-1, 0)]
    forms = [unit(atoms, total, Relu()) for total in sums]
    assert [unit(atoms, total, Relu()) for total in sums] == forms


def test_a_sum_that_is_half_an_atom_only_in_part():
    """No point where a quotient is none is looked at, and none is needed."""
    atoms = new_atoms((-5, 6))
    unit(atoms, linear(2), *TWICE)
    once = unit(atoms, linear(1), Relu())
    bent = unit(atoms, combine([(1, once)], -1), Relu())
    assert unit(atoms, combine([(2, once)], -2), Relu()) == combine([(2, bent)])


def test_more_curves_than_are_compared():
    """Stairs without end on one line: the latest are looked at, and none is wrong."""
    atoms = new_atoms((-20, 20))
    forms = {}
    for constant in range(MOST_RELATED + 4):
        forms[constant] = unit(atoms, linear(1, constant), Requantize(9, "floor", constant), Relu())
        unit(atoms, linear(1, constant), Requantize(1, "floor"), Clamp(-1, constant))
    assert unit(atoms, linear(1, 0), Requantize(9, "floor", 0), Relu()) == forms[0]


# Anything.

STEPS = st.one_of(
    st.just(Relu()),
    st.sampled_from([Threshold(), Sign()]),
    st.builds(Offset, st.sampled_from([-4, -1, 1, 2])),
    st.tuples(st.integers(-6, 4), st.integers(0, 6)).map(lambda at: Clamp(at[0], at[0] + at[1])),
    st.builds(Requantize, st.integers(0, 2), st.sampled_from(ROUNDINGS), st.sampled_from([0, 0, 2, -3])),
    st.builds(q31, st.sampled_from([-1, 0, 1]), st.sampled_from(["single", "double"])),
)
CHAINS = st.lists(STEPS, min_size=1, max_size=2).map(tuple)


@settings(max_examples=30)
@given(st.lists(CHAINS, min_size=1, max_size=2), st.integers(0, 2**32), st.booleans())
def test_whatever_units_there_are_their_forms_are_right(chains, seed, simulating):
    """Sums of earlier units under few chains of steps, so that much is alike; the whole box is walked."""
    rng = random.Random(seed)
    spans = [(low, low + rng.choice([1, 3, 8])) for low in rng.choices([-5, -1, 0, 2], k=rng.choice([1, 1, 2]))]
    atoms = simulated(*spans) if simulating else new_atoms(*spans)
    forms = [atom_form(index) for index in range(len(spans))]
    for _ in range(rng.randint(2, 5)):
        parts = [(rng.choice([-4, -2, -1, 1, 2, 3, 8]), rng.choice(forms)) for _ in range(rng.choice([1, 1, 2]))]
        forms.append(unit(atoms, combine(parts, rng.choice([0, 0, 1, -1, 4])), *rng.choice(chains)))
