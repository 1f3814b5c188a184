"""The constructions side by side: the same targets, figures of the tickets themselves, and stated growth."""

from __future__ import annotations

import math

import pytest

from certify.base.layout import matrix_shapes
from certify.theory.experiments import constructions, style
from certify.theory.experiments.run import measured
from certify.theory.experiments.table import Heading, rows_of
from certify.work import ALONE

HEADING = Heading("constructions", "small", 0, "1", constructions.COLUMNS)


@pytest.fixture(scope="module")
def rows():
    text = "".join(measured("constructions", constructions.points("small"), 0, ALONE))
    return rows_of(HEADING.text() + text, HEADING)


def test_rows(rows):
    assert [row["depth"] for row in rows] == [4, 4, 3, 3, 4, 4]
    assert {row["target_parameters"] for row in rows} == {15}
    assert all(row["kept"] <= row["parameters"] for row in rows)
    assert style.drawn(constructions.draw, rows)[0].startswith(b"\x89PNG")


def test_figures_are_those_of_the_tickets(rows):
    target = constructions.random_target((3, 3, 2), 2, 0)
    compared = constructions.compare(target, "0")
    for construction, (found, seconds) in compared.items():
        ticket = constructions.ticket_of(target, construction, "0")
        shapes = matrix_shapes(target, ticket.base)
        assert found.parameters == sum(map(math.prod, shapes))
        assert found.width == max(rows for rows, _ in shapes[:-1])
        (row,) = [row for row in rows if (row["construction"], row["k"]) == (construction, 2)]
        assert (row["depth"], row["width"], row["kept"]) == (len(shapes), found.width, found.kept)
        assert seconds >= 0


def test_stated_growth():
    assert constructions.diffenderfer_kailkhura_width(2, 4, 0.5) == pytest.approx(32 + 8 * math.log(16))
    assert constructions.sreenivasan_depth(2, 4, 0.5) == pytest.approx(2 * math.log(16))
    assert constructions.sreenivasan_width(2, 4, 0.5) == pytest.approx(4 * math.log(16) ** 2)
