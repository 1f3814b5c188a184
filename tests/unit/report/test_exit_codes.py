"""Which exit code speaks for several."""

from __future__ import annotations

import itertools

import pytest

from certify.report.exit_codes import FAILED, HOLDS, REFUTED, UNDECIDED, worst


def test_codes():
    assert (HOLDS, REFUTED, FAILED, UNDECIDED) == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ([], UNDECIDED),
        ([HOLDS], HOLDS),
        ([HOLDS, HOLDS], HOLDS),
        ([HOLDS, UNDECIDED], UNDECIDED),
        ([UNDECIDED, FAILED], FAILED),
        ([FAILED, REFUTED], REFUTED),
        ([HOLDS, UNDECIDED, FAILED, REFUTED], REFUTED),
    ],
)
def test_worst(codes, code):
    assert {worst(order) for order in itertools.permutations(codes)} == {code}
