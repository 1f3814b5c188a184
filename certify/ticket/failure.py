"""Why a weight is not in the base network, and what would help.

A failing subset sum has one of three causes. *range*: all items of the
target's sign together are too small. *parity*: the items' greatest common divisor does not divide the target,
most often an odd target and no odd product. *density*: neither, there are just too few units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from certify.base.law import Law
from certify.network.matrix import Int64Array
from solvers.subset_sum import ANY, Count

Cause: TypeAlias = Literal["range", "parity", "density"]

_HELP: dict[Cause, str] = {
    "range": "a larger --width",
    "parity": "a finer --precision of its layer (δ² below δ_t makes every target even), a larger --width or another "
    "--seed",
    "density": "a larger --width, or none, so that blocks grow",
}
_HELP_WITH_SIGNS: dict[Cause, str] = {
    "range": "a larger --width, or none, so that blocks grow; a weight w takes |w| units, so beyond what a block may "
    "have a target of fewer precision bits, or --construction pairs",
    "density": "a --kept-per-weight of |w| for the largest weight w, or none",
}
_NAMED = 4


@dataclass(frozen=True)
class Failure:
    """One target weight, or digit of a bias, that no subset of its block's units reaches.

    Attributes:
        place: the weight in the target's JSON, such as `layers[0].weights[3][1]`.
        half: which half of Lemma 5, inputs ≥ 0 or inputs ≤ 0.
        units: how many units of the half have a product other than 0.
        cause: range, parity or density.
        row: which of its layer's rows.
    """

    place: str
    half: str
    units: int
    cause: Cause
    row: int = 0


def help_with(count: Count, law: Law = "uniform") -> Mapping[Cause, str]:
    """Return what would help where a weight may take so many products of weights of this law."""
    if law == "signs":
        return _HELP | _HELP_WITH_SIGNS
    if count == ANY:
        return _HELP
    return _HELP | {"density": f"another --kept-per-weight than {count}, a finer --precision or another --seed"}


def cause_of(items: Int64Array, target: int) -> Cause:
    """Return why no subset of int64[n] items sums to the target, given that none does."""
    if not int(items[items < 0].sum()) <= target <= int(items[items > 0].sum()):
        return "range"
    divisor = int(np.gcd.reduce(items))
    return "parity" if divisor and target % divisor else "density"


def explain(failures: Sequence[Failure], blocks: str, help_for: Mapping[Cause, str] = _HELP) -> str:
    """Return one line that names weights, causes and what would help; `help_for` has it for each cause."""
    named = "; ".join(f"{f.place} ({f.half}, {f.units} units): {f.cause}" for f in failures[:_NAMED])
    more = f"; and {len(failures) - _NAMED} more" if len(failures) > _NAMED else ""
    causes = dict.fromkeys(failure.cause for failure in failures)
    helps = "; ".join(f"{cause}: {help_for[cause]}" for cause in causes)
    return f"no subset of the {blocks} gives {named}{more}. What would help: {helps}"
