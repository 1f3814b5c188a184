"""Which weight obligations say the same: against sets of Python tuples, and where numbers nearly meet."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.proof import sharing
from certify.proof.obligations import WeightObligations
from certify.proof.piece import NEGATIVE, POSITIVE

LARGE = 2**62


def listed(obligations, ranges=((0, 3),)):
    """Of (input, half, weight, [(v, u), …]); both halves have the same ranges."""
    inputs, halves, weights, edges = zip(*obligations, strict=True) if obligations else ((), (), (), ())
    kept = [edge for own in edges for edge in own]
    start = np.cumsum([0, *map(len, edges)], dtype=np.int64)
    columns = (np.array(part, dtype=np.int64) for part in (range(len(inputs)), inputs, halves, weights))
    v, u = (np.array([edge[which] for edge in kept], dtype=np.int64) for which in (0, 1))
    return WeightObligations(*columns, start, u, v, (tuple(ranges), tuple(ranges)))


def meanings(found):
    """What each obligation says, as something that Python tells apart."""
    return [
        (
            int(found.half[at]),
            found.range_of(at),
            int(found.weight[at]),
            tuple(sorted(zip(found.v[edges].tolist(), found.u[edges].tolist(), strict=True))),
        )
        for at in range(len(found))
        for edges in [slice(int(found.start[at]), int(found.start[at + 1]))]
    ]


def check(found):
    numbers, said = sharing.numbers(found).tolist(), meanings(found)
    pairs = set(zip(numbers, said, strict=True))
    assert len(pairs) == len(set(numbers)) == len(set(said))
    once = sharing.distinct(found)
    assert Counter(meanings(once)) == Counter(set(said))
    firsts = {said.index(meaning) for meaning in said}
    assert set(once.output.tolist()) == firsts
    runs = sharing.runs(once)
    assert [place for first, last in runs for place in range(first, last)] == list(range(len(once)))
    groups = [{(half, span) for half, span, _, _ in meanings(once.part(first, last))} for first, last in runs]
    assert all(len(group) == 1 for group in groups)
    assert len(set().union(*groups)) == len(groups)


NUMBERS = st.integers(-2, 2) | st.sampled_from([-(2**63), 2**63 - 1, LARGE, -LARGE, 2**31, 2**32])
EDGES = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=5)
OBLIGATION = st.tuples(st.integers(0, 2), st.sampled_from([POSITIVE, NEGATIVE]), NUMBERS, EDGES)


@given(st.lists(OBLIGATION, max_size=12), st.data())
def test_equal_numbers_mean_equal_obligations(obligations, data):
    """Some drawn twice, with their edges in another order."""
    if obligations:
        again = data.draw(st.lists(st.sampled_from(obligations), max_size=6))
        obligations = obligations + [(*rest, data.draw(st.permutations(edges))) for *rest, edges in again]
    check(listed(obligations, ((0, 3), (0, 4), (0, 3))))


@given(st.lists(OBLIGATION, min_size=1, max_size=8))
def test_words_of_one_edge_at_a_time(obligations):
    """As where so many kinds of edges are kept that no two fit into a word."""
    found = listed(obligations, ((0, 3), (0, 4), (0, 3)))
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(sharing, "WORD", 2**18)
        check(found)


ONE = (0, POSITIVE, 3, [(2, 1), (1, 1)])
DIFFERENT = {
    "a weight": (0, POSITIVE, 4, [(2, 1), (1, 1)]),
    "its sign": (0, POSITIVE, -3, [(2, 1), (1, 1)]),
    "a half": (0, NEGATIVE, 3, [(2, 1), (1, 1)]),
    "a range": (1, POSITIVE, 3, [(2, 1), (1, 1)]),
    "v": (0, POSITIVE, 3, [(2, 1), (3, 1)]),
    "the sign of v": (0, POSITIVE, 3, [(2, 1), (-1, 1)]),
    "u": (0, POSITIVE, 3, [(2, 1), (1, 2)]),
    "the sign of u": (0, POSITIVE, 3, [(2, 1), (1, -1)]),
    "v and u exchanged": (0, POSITIVE, 3, [(1, 2), (1, 1)]),
    "an edge more": (0, POSITIVE, 3, [(2, 1), (1, 1), (0, 0)]),
    "an edge twice": (0, POSITIVE, 3, [(2, 1), (1, 1), (1, 1)]),
    "an edge less": (0, POSITIVE, 3, [(2, 1)]),
    "no edge": (0, POSITIVE, 3, []),
    "2^32 beside": (0, POSITIVE, 3 + 2**32, [(2, 1), (1, 1)]),
    "v by 2^32": (0, POSITIVE, 3, [(2, 1), (1 + 2**32, 1)]),
    "u by -2^63": (0, POSITIVE, 3, [(2, 1), (1, -(2**63))]),
}


@pytest.mark.parametrize("other", DIFFERENT.values(), ids=DIFFERENT)
def test_obligations_that_differ_in_one_thing(other):
    found = listed([ONE, other, ONE], ((0, 3), (0, 4)))
    numbers = sharing.numbers(found).tolist()
    assert numbers[0] == numbers[2] != numbers[1]
    assert sharing.distinct(found).output.tolist() in ([0, 1], [1, 0])


def test_edges_in_another_order_and_equal_ranges_of_two_inputs():
    other = (2, POSITIVE, 3, [(1, 1), (2, 1)])
    assert sharing.distinct(listed([ONE, other], ((0, 3), (0, 4), (0, 3)))).output.tolist() == [0]


def test_the_same_edges_moved_from_one_obligation_to_the_next():
    """All edges in a row are the same; only where one obligation ends is not."""
    check(listed([(0, POSITIVE, 1, [(1, 1)]), (0, POSITIVE, 1, [(1, 1), (1, 1)]), (0, POSITIVE, 1, [])] * 2))


def test_nothing_to_share():
    assert sharing.runs(sharing.distinct(listed([]))) == []


@pytest.mark.parametrize("word", [1, 3, 8, 15])
def test_numbers_that_would_not_fit_end_the_run(monkeypatch, word):
    """Nothing is identified by numbers that wrapped."""
    monkeypatch.setattr(sharing, "WORD", word)
    with pytest.raises(OverflowError, match="numbers for obligations"):
        sharing.numbers(listed([ONE, *DIFFERENT.values()], ((0, 3), (0, 4))))
