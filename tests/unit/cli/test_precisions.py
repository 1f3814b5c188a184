"""`--precision`: one number of bits, or one for each layer with weights."""

from __future__ import annotations

import click
import pytest

from certify.cli.precisions import precision_option


def given(*arguments):
    """What a command with the option is called with."""
    found = []

    @click.command()
    @precision_option
    def command(precision):
        found.append(precision)

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
def test_what_is_read(arguments, expected):
    assert given(*arguments) == expected


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
def test_what_is_refused(text, says):
    with pytest.raises(click.BadParameter) as caught:
        given("--precision", text)
    assert says in caught.value.format_message()
    assert "'--precision'" in caught.value.format_message()
