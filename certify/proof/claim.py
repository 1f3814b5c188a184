"""What is said to hold between two networks, and the words for whether it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from certify.errors import DisagreementError
from certify.network.compare import common_values
from certify.network.evaluate import evaluate
from certify.network.model import Network


class Verdict(StrEnum):
    """`proved`, `refuted` with a witness, or `undecided` with the reason."""

    PROVED = "proved"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


RelationName: TypeAlias = Literal["equal", "within", "argmax"]


@dataclass(frozen=True)
class Relation:
    """What two output vectors are to each other, both as integers on the common scale.

    `equal`: the same. `within`: no output differs by more than `bound`. `argmax`: the largest output has the same
    index, the lowest one where several are the largest.

    Attributes:
        name: which.
        bound: for `within`, 0 or more; 0 for the others.
    """

    name: RelationName = "equal"
    bound: int = 0

    def __post_init__(self) -> None:
        assert self.bound == 0 or (self.name == "within" and self.bound > 0)

    def holds(self, left: Sequence[int], right: Sequence[int]) -> bool:
        """Tell whether it holds between int[outputs] left and right."""
        if self.name == "argmax":
            return left.index(max(left)) == right.index(max(right))
        return largest_difference(left, right) <= self.bound


EQUAL = Relation()


def largest_difference(left: Sequence[int], right: Sequence[int]) -> int:
    """Return the largest |left[j] - right[j]|."""
    return max(abs(a - b) for a, b in zip(left, right, strict=True))


@dataclass(frozen=True)
class Claim:
    """A relation holds between two networks' outputs on every grid point of the first one's box.

    Attributes:
        low, high: the box.
        point_factors: the number of its points as (base, exponent).
        relation: what holds.
    """

    low: tuple[int, ...]
    high: tuple[int, ...]
    point_factors: tuple[tuple[int, int], ...]
    relation: Relation = EQUAL

    @staticmethod
    def of(target: Network, relation: Relation = EQUAL) -> Claim:
        """Return the claim on the target's whole box."""
        return Claim(target.input.low, target.input.high, target.input.point_factors(), relation)


@dataclass(frozen=True)
class Witness:
    """A grid point on which a relation fails, and the output integers of both networks, the target's left."""

    input: tuple[int, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]


@dataclass(frozen=True)
class Stage:
    """One step of the portfolio, and in words what it decided, simplified or left."""

    name: str
    outcome: str


@dataclass(frozen=True)
class Maximum:
    """How far two networks' outputs are apart, as integers on the common scale.

    Attributes:
        upper: no difference on the domain is larger; None where no bound was found.
        seen: the largest difference that was met; equal to `upper` where that is the maximum itself.
    """

    upper: int | None
    seen: int


def replay(target: Network, other: Network, point: Sequence[int], relation: Relation = EQUAL) -> Witness:
    """Return the witness that a point is, evaluated in plain Python integers.

    Raises:
        DisagreementError: the relation holds there, so whoever offered the point is wrong.
    """
    left, right = evaluate(target, point), evaluate(other, point)
    if relation.holds(*common_values(target, other, left, right)):
        problem = f"a witness does not replay: {relation.name} holds between {left} and {right} at {tuple(point)}"
        raise DisagreementError(problem)
    return Witness(tuple(int(value) for value in point), left, right)
