"""What is left between two networks' outputs when everything that is known to be equal has been merged.

A claim about outputs is put before z3 with ever more of what the atoms are: nothing but their ranges, then the
definitions of those in question, then everything down to the inputs. Where a difference is a sum of parts that share
no input, each part has to be constant by itself, and is asked about alone (networkx finds the parts). A model of a
question with everything in it is a point of the box, which its finder replays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from certify.proof.claim import Relation
from certify.proof.merging import cones
from certify.proof.merging.atoms import Atoms
from certify.proof.merging.forms import Form, combine
from certify.proof.merging.walk import atom_values, form_term
from solvers.smt.session import Answer
from solvers.smt.vocabulary import Formula, Vocabulary

MOST_DEFINED = 256
MOST_GIVEN_UP = 4
"""After so many outputs that z3 gives up on, no more are asked about."""
Violation = Callable[[Vocabulary], Formula]
Point = tuple[int, ...]


@dataclass(frozen=True)
class Asked:
    """What came of one question about outputs.

    Attributes:
        what: `output 3`, or `the outputs`.
        proved: whether it is settled.
        reason: why not.
        point: where z3 says that the claim fails, to be replayed.
        gave_up: whether it is z3 that did not know.
    """

    what: str
    proved: bool
    reason: str = ""
    point: Point | None = None
    gave_up: bool = False


@dataclass(frozen=True)
class Outputs:
    """Both networks' outputs as forms on the common scale.

    Attributes:
        left, right: a form for each output.
    """

    left: tuple[Form, ...]
    right: tuple[Form, ...]

    def differences(self) -> tuple[Form, ...]:
        """Return right - left."""
        return tuple(combine([(1, b), (-1, a)]) for a, b in zip(self.left, self.right, strict=True))

    def upper(self, atoms: Atoms) -> int:
        """Return a bound of the largest difference, by the atoms' ranges."""
        ranges = [(form.numerator_range(atoms.ranges), form.denominator) for form in self.differences()]
        return max(max(-low, high) // denominator for (low, high), denominator in ranges)


def ask(atoms: Atoms, outputs: Outputs, relation: Relation, rlimit: int, *, deeply: bool) -> list[Asked]:
    """Ask whether a relation holds, each output alone where that is possible.

    Args:
        atoms: that the outputs are written in.
        outputs: of both networks.
        relation: what is claimed.
        rlimit: z3's steps for each question.
        deeply: whether to go down to the inputs; else only the atoms' ranges are known.
    """
    if relation.name == "argmax":
        return [_ask_all(atoms, outputs, rlimit, deeply=deeply)]
    found: list[Asked] = []
    for index, difference in enumerate(outputs.differences()):
        what = f"output {index}"
        if sum(item.gave_up for item in found) >= MOST_GIVEN_UP:
            found.append(Asked(what, proved=False, reason=f"not asked, z3 gave up on {MOST_GIVEN_UP} others"))
        else:
            found.append(_ask_one(atoms, difference, relation.bound, what, rlimit, deeply=deeply))
    return found


def _ask_all(atoms: Atoms, outputs: Outputs, rlimit: int, *, deeply: bool) -> Asked:
    used = {atom for form in (*outputs.left, *outputs.right) for atom, _ in form.terms}
    violation = partial(_another_argmax, outputs=outputs)
    return _ask(atoms, used, violation, "the outputs", rlimit, deeply=deeply)


def _ask_one(atoms: Atoms, difference: Form, bound: int, what: str, rlimit: int, *, deeply: bool) -> Asked:
    if not deeply and bound == 0 and difference != Form():
        return Asked(what, proved=False, reason="the forms differ")
    if deeply and bound == 0 and difference != Form():
        parts = list(_parts(atoms, difference))
        if len(parts) > 1:
            return _ask_parts(atoms, parts, what, rlimit)
    used = {atom for atom, _ in difference.terms}
    violation = partial(_beyond, difference=difference, bound=bound)
    return _ask(atoms, used, violation, what, rlimit, deeply=deeply)


def _ask_parts(atoms: Atoms, parts: Sequence[Form], what: str, rlimit: int) -> Asked:
    """Parts that share no input add up to 0 everywhere only if each is constant."""
    corner = tuple(low for low, _ in atoms.ranges[: atoms.inputs])
    at_corner = atom_values(atoms, corner)
    if sum(part.value(at_corner) for part in parts):
        return Asked(what, proved=False, reason="sat", point=corner)
    for part in parts:
        used = {atom for atom, _ in part.terms}
        violation = partial(_not, form=part, value=part.value(at_corner))
        asked = _ask(atoms, used, violation, what, rlimit, deeply=True)
        if not asked.proved:
            return asked
    return Asked(what, proved=True)


def _ask(atoms: Atoms, used: Collection[int], violation: Violation, what: str, rlimit: int, *, deeply: bool) -> Asked:
    asked = Asked(what, proved=False)
    for defined in _levels(atoms, used, deeply=deeply):
        functions = sum(atoms.definitions[atom] is not None for atom in defined)
        if functions > MOST_DEFINED:
            return Asked(
                what, proved=False, reason=f"{functions} units in one formula, at most {MOST_DEFINED} are asked"
            )
        write = partial(cones.with_cone, atoms=atoms, defined=defined, used=used, violation=violation)
        outcome = atoms.facts.holds(None, "output", what, write, rlimit)
        if outcome.answer is Answer.UNSAT:
            return Asked(what, proved=True)
        reason = "sat" if outcome.answer is Answer.SAT else f"{outcome.reason or 'unknown'}, rlimit {rlimit:,}"
        asked = Asked(what, proved=False, reason=reason, gave_up=outcome.answer is Answer.UNKNOWN)
        if outcome.answer is Answer.SAT and set(defined) == set(cones.cone(atoms, used)):
            return Asked(what, proved=False, reason="sat", point=_point(atoms, outcome.model))
    return asked


def _levels(atoms: Atoms, used: Collection[int], *, deeply: bool) -> Iterator[frozenset[int]]:
    yield frozenset()
    if deeply:
        everything = frozenset(cones.cone(atoms, used))
        if frozenset(used) != everything:
            yield frozenset(used)
        yield everything


def _point(atoms: Atoms, model: object) -> Point:
    assert isinstance(model, dict)
    return tuple(model.get(f"t{index}", low) for index, (low, _) in enumerate(atoms.ranges[: atoms.inputs]))


def _parts(atoms: Atoms, difference: Form) -> Iterator[Form]:
    """Yield sums of terms that share no input with the other sums; the constant goes with the first."""
    import networkx as nx  # noqa: PLC0415 - slow to load, and seldom needed

    graph = nx.Graph()
    for atom in cones.cone(atoms, [atom for atom, _ in difference.terms]):
        graph.add_node(atom)
        definition = atoms.definitions[atom]
        graph.add_edges_from((atom, lower) for lower, _ in (definition.line if definition is not None else ()))
    constant = difference.constant
    for members in sorted(nx.connected_components(graph), key=min):
        yield Form(tuple(term for term in difference.terms if term[0] in members), constant)
        constant = 0


def _beyond(words: Vocabulary, difference: Form, bound: int) -> Formula:
    """Return |difference| > bound."""
    value = form_term(words, difference)
    if bound == 0:
        return words.differ(value, words.constant(0))
    most = bound * difference.denominator
    return words.negate(words.within(value, -most, most))


def _not(words: Vocabulary, form: Form, value: int) -> Formula:
    return words.differ(form_term(words, form), words.constant(value))


def _another_argmax(words: Vocabulary, outputs: Outputs) -> Formula:
    """Return that some index is the left's argmax, and another the right's."""
    count = len(outputs.left)
    lefts = [_is_argmax(words, outputs.left, index) for index in range(count)]
    rights = [_is_argmax(words, outputs.right, index) for index in range(count)]
    pairs = [words.all_of([lefts[j], rights[k]]) for j in range(count) for k in range(count) if j != k]
    return words.any_of(pairs)


def _is_argmax(words: Vocabulary, forms: Sequence[Form], index: int) -> Formula:
    """Return that an output is the largest, and larger than all before it."""
    own = forms[index]
    beaten: list[Formula] = []
    for other, form in enumerate(forms):
        if other != index:
            gap = combine([(1, own), (-1, form)], 0)
            least = words.constant(gap.denominator if other < index else 0)
            beaten.append(words.at_most(least, form_term(words, gap)))
    return words.all_of(beaten)
