"""What `certify equal` makes of its words: bounds and boxes."""

from __future__ import annotations

import pytest

from certify.cli.equal import _bound, _said
from certify.errors import InputError
from certify.network.model import Box


@pytest.mark.parametrize(
    ("text", "bits", "bound"),
    [
        ("0", 4, 0),
        ("3", 4, 3),
        ("007", 4, 7),
        ("12345678901234567890123", 0, 12345678901234567890123),
        ("0.25", 4, 4),
        ("0.250", 2, 1),
        ("1.0", 0, 1),
        ("0.0", 9, 0),
        ("2.0", -1, 1),
        ("0.0625", 4, 1),
    ],
)
def test_bounds(text, bits, bound):
    assert _bound(text, bits) == bound


@pytest.mark.parametrize(
    ("text", "says"),
    [
        *(
            (text, "expected an integer on the common scale or a decimal, 0 or more, found")
            for text in ("", "-1", "+1")
        ),
        *(
            (text, "0 or more, found")
            for text in ("1e3", "1.", ".5", "inf", "0x1", "1_000", " 1", "1/2", "٣", "-0.5")
        ),
        ("9" * 1001, f"0 or more, found '{'9' * 24}'"),
        ("0.3", "expected a multiple of 2^-4, the common scale, found 0.3"),
        ("0.03125", "expected a multiple of 2^-4"),
    ],
)
def test_no_bounds(text, says):
    with pytest.raises(InputError) as caught:
        _bound(text, 4)
    assert says in caught.value.problem
    assert caught.value.place == "--within"


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        ((-1, -1), (2, 2), "the box -1 to 2"),
        ((-1,), (2,), "the box -1 to 2"),
        ((-1, 0), (2, 2), "the box (-1 to 2, 0 to 2)"),
        (tuple(range(9)), (9,) * 9, "the box (" + ", ".join(f"{low} to 9" for low in range(8)) + ", … 9 inputs)"),
    ],
)
def test_boxes(low, high, said):
    assert _said(Box((len(low),), low, high, 0)) == said
