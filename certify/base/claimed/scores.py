"""Edge-popup: a mask as scores and the fraction of them that stays.

V. Ramanujan, M. Wortsman, A. Kembhavi, A. Farhadi and M. Rastegari, "What's Hidden in a Randomly Weighted Neural
Network?", CVPR 2020. Public code sorts a layer's n scores, takes j = int((1 - k)·n) and removes the j lowest. There k
is the fraction that is *kept*; other code means the *removed* one by the same number, j = int(r·n). The two are told
apart by the key that gives the number, never by its size.

Two things would make such a mask depend on the machine that computes it, and both are refused. The product is taken
in binary floating point, where (1 - 0.9)·10 is just below 1: where that and the exact product give different counts,
the count itself has to be given. And equal scores on both sides of the cut go in whichever order a sort leaves them.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from certify.base.claimed.integers import first_place
from certify.errors import InputError

Order: TypeAlias = Literal["magnitude", "value"]
ORDERS: tuple[Order, ...] = ("magnitude", "value")
_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
_SHARES = ("kept", "removed", "kept_count", "removed_count")
_FRACTION = re.compile(r"0(\.[0-9]{1,30})?|1(\.0{1,30})?")


class Scores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a layer's scores are and how many of them stay.

    Attributes:
        array: the array's name.
        by: whether scores are ordered by |s| or by s.
        kept: the fraction that stays, from 0 to 1, a decimal string.
        removed: the fraction that goes, so too.
        kept_count: how many stay.
        removed_count: how many go.
    """

    array: str
    by: Order
    kept: str | msgspec.UnsetType = msgspec.UNSET
    removed: str | msgspec.UnsetType = msgspec.UNSET
    kept_count: _Count | msgspec.UnsetType = msgspec.UNSET
    removed_count: _Count | msgspec.UnsetType = msgspec.UNSET


def check_share(form: Scores, place: str) -> None:
    """Check that exactly one key says how many scores stay, and that a fraction is one.

    Raises:
        InputError: none of the four keys, or several; or no decimal string from 0 to 1.
    """
    given = _given(form)
    if len(given) != 1:
        found = " and ".join(given) or "none of them"
        raise InputError(f"expected one of {', '.join(_SHARES)}, found {found}", place)
    for name, share in given.items():
        if isinstance(share, str) and not _FRACTION.fullmatch(share):
            problem = f'expected a fraction from "0" to "1" as a decimal string, found {share[:40]!r}'
            raise InputError(problem, f"{place}.{name}")


def keep_highest(scores: NDArray[Any], form: Scores) -> NDArray[np.bool_]:
    """Return which scores stay, as bool in their shape.

    Args:
        scores: bool, integers or floats of any shape.
        form: one that passed `check_share`.

    Raises:
        InputError: a score is not a number, the count is not certain or too large, or a tie across the cut.
    """
    nan = np.isnan(scores) if scores.dtype.kind == "f" else np.zeros(scores.shape, dtype=np.bool_)
    if nan.any():
        raise InputError("expected a number, found nan", first_place(nan, form.array))
    keys = _magnitudes(scores) if form.by == "magnitude" else scores
    removed = _removed_count(form, scores.size)
    if removed == scores.size:
        return np.zeros(scores.shape, dtype=np.bool_)
    ranked = np.sort(keys, axis=None)
    lowest_kept = ranked[removed]
    if removed and ranked[removed - 1] == lowest_kept:
        _refuse_tie(form, scores, keys == lowest_kept, removed)
    kept: NDArray[np.bool_] = keys >= lowest_kept
    return kept


def _given(form: Scores) -> dict[str, str | int]:
    shares = {name: getattr(form, name) for name in _SHARES}
    return {name: share for name, share in shares.items() if share is not msgspec.UNSET}


def _removed_count(form: Scores, scores: int) -> int:
    ((name, share),) = _given(form).items()
    keeps = name.startswith("kept")
    if isinstance(share, int):
        if share > scores:
            raise InputError(
                f"expected at most {scores}, as many as there are scores, found {share}", _place(form, name)
            )
        return scores - share if keeps else share
    exact = math.floor((1 - Fraction(share) if keeps else Fraction(share)) * scores)
    computed = int((1 - float(share) if keeps else float(share)) * scores)
    if exact != computed:
        problem = (
            f"expected kept_count or removed_count, as {share} of {scores} scores removes {exact} exactly"
            f" and {computed} in floating point"
        )
        raise InputError(problem, _place(form, name))
    return exact


def _magnitudes(scores: NDArray[Any]) -> NDArray[Any]:
    """|s|; of integers as uint64, where that of -2^63 has room too."""
    signed = scores.astype(np.int64) if scores.dtype.kind == "i" else scores
    magnitudes: NDArray[Any] = np.abs(signed)
    return magnitudes.view(np.uint64) if scores.dtype.kind == "i" else magnitudes


def _refuse_tie(form: Scores, scores: NDArray[Any], tied: NDArray[np.bool_], removed: int) -> None:
    value = scores[tied][0].item()
    problem = (
        f"expected a {form.by} that tells the {removed} lowest scores from the rest,"
        f" found {int(tied.sum())} scores with that of {value}, on both sides of the cut"
    )
    raise InputError(problem, first_place(tied, form.array))


def _place(form: Scores, name: str) -> str:
    return f"{form.array}: {name}"
