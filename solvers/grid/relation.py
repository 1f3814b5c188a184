"""What two output vectors have to be to each other: not further apart than a bound, or the same winner.

Outputs are compared as integers on the common scale, after each program's `output_shift`. Equal is within 0.
"""

from __future__ import annotations

from solvers.grid.kernel import ARGMAX, WITHIN, Relation

_LARGEST = 2**63 - 1


def within(bound: int) -> Relation:
    """Return the relation that no output differs by more than `bound`, which may be longer than a machine word.

    Raises:
        ValueError: the bound is negative.
    """
    if bound < 0:
        raise ValueError(f"expected a bound of 0 or more, found {bound}")
    return Relation(WITHIN, min(bound, _LARGEST))


EQUAL = within(0)
SAME_WINNER = Relation(ARGMAX, 0)
"""The largest output has the same index, the lowest one where several are the largest."""
