"""The table of an experiment: what it drops, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from certify.errors import InputError
from certify.theory.experiments.table import Heading, Point, group, groups, rows_of

COLUMNS = ("n", "share", "kind")
HEADING = Heading("coins", "small", 7, "1.0", COLUMNS)
KEYS = ("a", "b c", "d")
GROUPS = [group(key, [(1, 0.1, "x"), (np.int64(2), np.float64(1e-9), "y z")], COLUMNS) for key in KEYS]


def growing(number):
    return HEADING.text() + "".join(f"{part}\n" for part in GROUPS[:number])


def test_numbers_of_numpy_are_written_as_pythons():
    assert GROUPS[0] == "a,1,0.1,x\na,2,1e-09,y z\n"


def test_every_cut_leaves_the_whole_groups():
    """Killed after any byte, a run finds the points that were whole, and no line of another."""
    text = growing(3)
    for cut in range(len(text) + 1):
        found = groups(text[:cut], HEADING, KEYS)
        assert found == GROUPS[: len(found)]
        assert len(found) == sum(cut >= len(growing(number)) for number in (1, 2, 3))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(growing(2).replace("seed 7", "seed 8"), "choose another folder", id="another seed"),
        pytest.param(growing(2).replace("small", "published"), "choose another folder", id="another size"),
        pytest.param(growing(2).replace("1.0", "1.1"), "choose another folder", id="another version"),
        pytest.param(growing(2).replace("share", "rate"), "choose another folder", id="another column"),
        pytest.param("something else\n", "choose another folder", id="no table"),
        pytest.param(growing(3).replace("b c", "c"), "expected the point 'b c'", id="another point"),
        pytest.param(growing(2) + growing(1)[len(HEADING.text()) :], "expected the point 'd'", id="a point twice"),
        pytest.param(growing(3) + f"{GROUPS[0]}\n", "expected 3 points, found 4", id="too many"),
        pytest.param(growing(1) + "b c,1\n\n", "expected the point 'b c'", id="a column too few"),
    ],
)
def test_what_cannot_go_on_is_refused(text, says):
    with pytest.raises(InputError, match=says):
        groups(text, HEADING, KEYS)


def test_rows():
    rows = rows_of(HEADING.text() + "".join(GROUPS), HEADING)
    assert rows[1] == {"point": "a", "n": 2, "share": 1e-9, "kind": "y z"}
    assert len(rows) == 6
    with pytest.raises(InputError, match="expected 4 columns"):
        rows_of(HEADING.text() + "a,1\n", HEADING)


@pytest.mark.parametrize("key", ["", "a,b", 'a"b', "a\nb"])
def test_keys_that_a_table_cannot_hold(key):
    with pytest.raises(AssertionError):
        Point(key)
