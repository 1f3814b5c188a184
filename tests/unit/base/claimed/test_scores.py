"""Edge-popup: what stays, by both public meanings of a fraction, and what depends on a sort's whim."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.base.claimed.scores import Scores, check_share, keep_highest
from certify.errors import FalseClaimError, InputError

FOUR = np.array([[0.5, -3.0], [1.0, -0.25]])


def kept(scores, **share):
    form = Scores("s", share.pop("by", "value"), **share)
    check_share(form, "scores")
    return keep_highest(np.asarray(scores), form)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        pytest.param({"kept": "0.25"}, [[False, False], [True, False]], id="a quarter kept"),
        pytest.param({"removed": "0.25"}, [[True, False], [True, True]], id="a quarter removed"),
        pytest.param({"kept": "0.25", "by": "magnitude"}, [[False, True], [False, False]], id="largest |s|"),
        pytest.param({"removed": "0.25", "by": "magnitude"}, [[True, True], [True, False]], id="smallest |s|"),
        pytest.param({"kept": "0"}, [[False, False], [False, False]], id="none"),
        pytest.param({"kept": "1"}, [[True, True], [True, True]], id="all"),
        pytest.param({"removed": "1.0"}, [[False, False], [False, False]], id="all removed"),
        pytest.param({"removed": "0.0"}, [[True, True], [True, True]], id="none removed"),
        pytest.param({"kept": "0.6"}, [[True, False], [True, True]], id="the removed count is cut off: int(1.6)"),
        pytest.param({"removed": "0.6"}, [[True, False], [True, False]], id="and here: int(2.4)"),
        pytest.param({"kept_count": 1}, [[False, False], [True, False]], id="one kept"),
        pytest.param({"removed_count": 1}, [[True, False], [True, True]], id="one removed"),
        pytest.param({"removed_count": 4}, [[False, False], [False, False]], id="four removed"),
        pytest.param({"kept_count": 0}, [[False, False], [False, False]], id="zero is a count"),
    ],
)
def test_the_highest_stay(share, expected):
    assert kept(FOUR, **share).tolist() == expected


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20),
    st.integers(0, 20),
    st.sampled_from(["magnitude", "value"]),
)
def test_against_sorting_pairs(scores, count, by):
    count = min(count, len(scores))
    key = abs if by == "magnitude" else int
    order = sorted(range(len(scores)), key=lambda index: key(scores[index]))
    cut = [key(scores[index]) for index in order[max(count - 1, 0) : count + 1]]
    array = np.array(scores, dtype=np.int64)
    if 0 < count < len(scores) and cut[0] == cut[1]:
        with pytest.raises(InputError, match="on both sides of the cut"):
            kept(array, removed_count=count, by=by)
        return
    expected = [index not in order[:count] for index in range(len(scores))]
    assert kept(array, removed_count=count, by=by).tolist() == expected
    assert kept(array, kept_count=len(scores) - count, by=by).tolist() == expected


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.uint64, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("by", ["magnitude", "value"])
def test_scores_of_any_kind(kind, by):
    assert kept(np.array([1, 5, 3, 4], dtype=kind), kept="0.5", by=by).tolist() == [False, True, False, True]


def test_large_integers_are_not_compared_as_floats():
    assert kept(np.array([2**62 + 1, 2**62]), kept_count=1).tolist() == [True, False]
    assert kept(np.array([-(2**63), 2**63 - 1]), kept_count=1, by="magnitude").tolist() == [True, False]


@pytest.mark.parametrize(
    ("scores", "share", "place", "says"),
    [
        pytest.param([1, 2, 2, 3], {"kept": "0.5"}, "s[1]", "found 2 scores with that of 2,", id="tie"),
        pytest.param([[-2.0, 1], [2, 3]], {"kept": "0.5", "by": "magnitude"}, "s[0][0]", "of -2.0,", id="tie of |s|"),
        pytest.param([0.0, -0.0], {"kept": "0.5"}, "s[0]", "lowest", id="both zeros are one value"),
        pytest.param([1, math.nan, 2], {"kept": "1"}, "s[1]", "expected a number, found nan", id="nan"),
        pytest.param([1, 2], {"kept_count": 3}, "s: kept_count", "at most 2", id="more kept than there are"),
        pytest.param([1, 2], {"removed_count": 3}, "s: removed_count", "at most 2", id="more removed than there are"),
        pytest.param(range(10), {"kept": "0.9"}, "s: kept", "removes 1 exactly and 0 in floating", id="0.9 of 10"),
        pytest.param(range(100), {"removed": "0.29"}, "s: removed", "29 exactly and 28 in", id="0.29 of 100"),
    ],
)
def test_what_is_no_claim(scores, share, place, says):
    with pytest.raises(InputError) as caught:
        kept(scores, **share)
    assert caught.value.place == place
    assert says in caught.value.problem
    assert not isinstance(caught.value, FalseClaimError)


@pytest.mark.parametrize(
    ("scores", "share", "expected"),
    [
        pytest.param([2, 2, 3, 3], {"kept": "0.5"}, [False, False, True, True], id="ties on one side"),
        pytest.param([2, 2], {"kept": "0"}, [False, False], id="a tie that goes"),
        pytest.param([2, 2], {"kept": "1"}, [True, True], id="a tie that stays"),
        pytest.param([2.0, -2.0], {"kept": "0.5"}, [True, False], id="told apart by their sign"),
        pytest.param([-math.inf, 0, math.inf], {"kept_count": 1}, [False, False, True], id="infinite"),
        pytest.param(range(10), {"kept_count": 9}, [False] + [True] * 9, id="0.9 of 10, by its count"),
    ],
)
def test_what_is(scores, share, expected):
    assert kept(scores, **share).tolist() == expected


ONE_OF = "expected one of kept, removed, kept_count, removed_count, found "
DECIMAL = 'expected a fraction from "0" to "1" as a decimal string, found '


@pytest.mark.parametrize(
    ("share", "place", "problem"),
    [
        pytest.param({}, "scores", ONE_OF + "none of them", id="neither"),
        pytest.param({"kept": "0.5", "removed": "0.5"}, "scores", ONE_OF + "kept and removed", id="both"),
        pytest.param({"kept": "0.5", "kept_count": 0}, "scores", ONE_OF + "kept and kept_count", id="twice"),
        *(
            pytest.param({"removed": text}, "scores.removed", DECIMAL + repr(text), id=repr(text))
            for text in ("", "1.5", "-0.5", ".5", "0.", "50%", "5e-1", "nan", "0.5 ", "00.5", "1/2", "0.٥")
        ),
        pytest.param({"kept": "0." + "1" * 31}, "scores.kept", DECIMAL + repr("0." + "1" * 31), id="too long"),
    ],
)
def test_shares_that_say_nothing(share, place, problem):
    with pytest.raises(InputError) as caught:
        check_share(Scores("s", "value", **share), "scores")
    assert (caught.value.place, caught.value.problem) == (place, problem)
