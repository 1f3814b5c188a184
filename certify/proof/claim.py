"""What is said to hold, and the words for whether it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from certify.errors import DisagreementError
from certify.network.compare import same_values
from certify.network.evaluate import evaluate
from certify.network.model import Network


class Verdict(StrEnum):
    """`proved`, `refuted` with a witness, or `undecided` with the reason."""

    PROVED = "proved"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Claim:
    """Both networks' outputs have equal values on every grid point of the target's box.

    Attributes:
        low, high: the box.
        point_factors: the number of its points as (base, exponent).
    """

    low: tuple[int, ...]
    high: tuple[int, ...]
    point_factors: tuple[tuple[int, int], ...]

    @staticmethod
    def of(target: Network) -> Claim:
        """Return the claim on the target's whole box."""
        return Claim(target.input.low, target.input.high, target.input.point_factors())


@dataclass(frozen=True)
class Witness:
    """A grid point on which two networks differ, and the output integers of both, the target's left."""

    input: tuple[int, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]


def replay(target: Network, other: Network, point: Sequence[int]) -> Witness:
    """Return the witness that a point is, evaluated in plain Python integers.

    Raises:
        DisagreementError: the networks' values are equal there, so whoever offered the point is wrong.
    """
    left, right = evaluate(target, point), evaluate(other, point)
    if same_values(target, other, left, right):
        raise DisagreementError(f"a witness does not replay: both networks give {left} at {tuple(point)}")
    return Witness(tuple(int(value) for value in point), left, right)
