"""The options of a drawn base network: what is read of them, and what does not go together."""

from __future__ import annotations

import click
import pytest

from certify.cli import drawing
from certify.cli.drawing import drawing_options
from certify.ticket.goal import OBJECTIVES
from solvers.subset_sum import ANY, Count


def given(*arguments):
    """What a command with the option is called with."""
    found = []

    @click.command()
    @drawing_options
    def command(drawing):
        found.append(drawing)

    command.main(list(arguments), standalone_mode=False)
    return found[0]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param([], None, id="none"),
        pytest.param(["--precision", "0"], 0, id="one, 0"),
        pytest.param(["--precision", "30"], 30, id="one, 30"),
        pytest.param(["--precision", "4,8,2"], (4, 8, 2), id="three"),
        pytest.param(["--precision", "4, 8"], (4, 8), id="a blank between"),
    ],
)
def test_precisions(arguments, expected):
    assert given(*arguments).precision == expected
    assert given(*arguments).options().precision_bits == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("31", "31 is not in the range 0<=x<=30"),
        ("-1,2", "-1 is not in the range"),
        ("4,31", "31 is not in the range"),
        ("fine", "'fine' is not a valid integer"),
        ("", "'' is not a valid integer"),
        ("4,", "'' is not a valid integer"),
        ("4;2", "'4;2' is not a valid integer"),
        ("4.0", "'4.0' is not a valid integer"),
    ],
)
def test_precisions_that_are_refused(text, says):
    with pytest.raises(click.BadParameter) as caught:
        given("--precision", text)
    assert says in caught.value.format_message()
    assert "'--precision'" in caught.value.format_message()


@pytest.mark.parametrize(
    ("arguments", "objective", "count"),
    [
        pytest.param([], "sparsest", ANY, id="none"),
        pytest.param(["--objective", "width"], "width", ANY, id="width"),
        pytest.param(["--kept-per-weight", "3"], "sparsest", Count(0, 3), id="at most three"),
        pytest.param(["--kept-per-weight", "3", "--exactly"], "sparsest", Count(3, 3), id="exactly three"),
        pytest.param(["--kept-per-weight", "3", "--objective", "width"], "width", Count(0, 3), id="three, and width"),
    ],
)
def test_goals(arguments, objective, count):
    goal = given(*arguments).options().goal
    assert (goal.objective, goal.count) == (objective, count)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--objective", "width", "--width", "9"], "expected --width or --objective width, found both"),
        (["--exactly"], "expected --kept-per-weight with --exactly"),
        (["--objective", "first", "--kept-per-weight", "2"], "expected another objective with --kept-per-weight"),
        (["--objective", "best"], "'best' is not one of 'sparsest', 'width', 'first'"),
        (["--kept-per-weight", "0"], "0 is not in the range"),
    ],
)
def test_what_does_not_go_together(arguments, says):
    with pytest.raises(click.UsageError) as caught:
        given(*arguments)
    assert says in caught.value.format_message()


def test_objectives_are_the_finder_s():
    assert drawing.OBJECTIVES == OBJECTIVES


@pytest.mark.parametrize(
    ("arguments", "construction"),
    [
        ([], "theorem-1"),
        (["--construction", "pairs"], "theorem-1"),
        (["--construction", "copies", "--precision", "4,8"], "theorem-2"),
        (["--construction", "binary", "--objective", "width"], "binary"),
    ],
)
def test_constructions(arguments, construction):
    assert given(*arguments).options().construction == construction


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--construction", "copies", "--objective", "width"], "another objective with --construction copies"),
        (["--construction", "binary", "--precision", "0"], "no --precision with --construction binary"),
    ],
)
def test_what_does_not_go_with_a_construction(arguments, problem):
    with pytest.raises(click.UsageError, match=problem):
        given(*arguments)
