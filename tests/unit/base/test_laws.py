"""Laws of a drawn weight: the oracle's, with and without compiled code, and what each never draws."""

from __future__ import annotations

import naive_base as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.base.draw import kept_weights, random_rows, random_weights
from certify.base.law import CONSTRUCTIONS, LAWS, BaseNetwork, Precision
from certify.base.mask import from_bits

ORACLES = {
    "uniform": naive.weight_of_word,
    "nonzero": naive.nonzero_weight_of_word,
    "signs": lambda word, _: naive.sign_of_word(word),
}
laws = st.sampled_from(sorted(ORACLES))


def expected(law, seed, matrix, places, bits):
    key = naive.key_of_seed(seed)
    return [ORACLES[law](naive.word_at(key, matrix, *place), bits) for place in places]


@given(laws, st.integers(0, 30), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40)), min_size=1, max_size=9))
def test_weights_are_the_oracles(law, bits, places):
    rows, columns = (np.array(side, dtype=np.int64) for side in zip(*places, strict=True))
    found = random_weights("law", 2, Precision(bits, bits), "floor", rows, columns, law=law)
    assert found.tolist() == expected(law, "law", 2, places, bits)


@pytest.mark.parametrize("construction", CONSTRUCTIONS)
def test_a_finder_and_an_audit_draw_alike(construction):
    """`random_rows` is compiled, `kept_weights` is not."""
    law, bits = LAWS[construction], 0 if construction == "binary" else 3
    base = BaseNetwork("alike", (1, 1), (Precision(bits, bits),) * 2, construction=construction)
    rows = np.arange(4, dtype=np.int64)
    drawn = random_rows("alike", 1, base.precisions[0], "floor", rows, 0 * rows, 10, 0 * rows, law)
    kept = kept_weights(base, 1, from_bits(np.ones((4, 10), dtype=np.bool_)))
    assert kept.to_dense().tolist() == drawn.tolist()
    places = [(row, column) for row in range(4) for column in range(10)]
    assert drawn.ravel().tolist() == expected(law, "alike", 1, places, bits)


def test_every_value_but_zero():
    drawn = random_weights("all", 0, Precision(2, 2), "floor", *np.divmod(np.arange(900), 30), law="nonzero")
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [-4, -3, -2, -1, 1, 2, 3, 4]
    assert counts.min() > 80
    signs = random_weights("all", 0, Precision(0, 0), "floor", *np.divmod(np.arange(900), 30), law="signs")
    assert np.unique(signs).tolist() == [-1, 1]
    assert abs(int(signs.sum())) < 120


def test_a_coarser_weight_may_be_zero():
    """Zero is excluded at δ_in; the operator to δ may give it."""
    drawn = random_weights("all", 0, Precision(4, 1), "floor", *np.divmod(np.arange(900), 30), law="nonzero")
    assert set(drawn.tolist()) == {-2, -1, 0, 1, 2}


@pytest.mark.parametrize(
    ("construction", "expected"),
    [("theorem-1", [0, 0, 1, 1, 2, 2]), ("theorem-2", [0, 0, 1, 2]), ("binary", [0, 0, 1, 1, 2, 2])],
)
def test_precisions_of_matrices(construction, expected):
    base = BaseNetwork("p", (1, 1, 1), tuple(Precision(9, bits) for bits in range(3)), construction=construction)
    assert [base.precision_of(matrix).kept for matrix in range(len(expected))] == expected
