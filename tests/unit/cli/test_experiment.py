"""`certify experiment`: going on after an interruption, refusing to mix, and the same table whoever measured it."""

from __future__ import annotations

import coins
import pytest

from certify.theory import experiments
from certify.theory.experiments import style
from certify.theory.experiments.run import measured
from certify.work import Crew

FILES = ("coins.csv", "coins.png", "coins.svg")


DRAWN = style.drawn


@pytest.fixture(autouse=True)
def _only_coins(monkeypatch):
    """Nothing else is measured, and figures, which take a while, are only written down."""
    monkeypatch.setattr(style, "drawn", lambda _, rows: (repr(rows).encode(), b"svg"))
    monkeypatch.setattr(experiments, "EXPERIMENTS", {"coins": "coins"})
    monkeypatch.setattr(coins, "TRACE", [])


def small(certify, *arguments):
    return certify("experiment", "coins", "--size", "small", *arguments)


def contents(folder):
    return [(folder / name).read_bytes() for name in FILES]


@pytest.fixture
def whole(certify):
    """A run that was left alone."""
    assert small(certify, "-o", "whole").code == 0
    coins.TRACE.clear()
    return certify.folder / "whole"


def test_what_is_written(certify, monkeypatch):
    monkeypatch.setattr(style, "drawn", DRAWN)
    small(certify, "-o", "whole")
    ran = small(certify, "-o", "again")
    assert (ran.code, ran.out, ran.err) == (0, "coins: 12 rows in again/coins.csv, figures beside it\n", "")
    table, png, svg = contents(certify.folder / "again")
    assert table.startswith(b"# certify experiment coins, size small, seed 0, version ")
    assert [line.split(b",")[0] for line in table.splitlines()[2::3]] == [b"coins %d" % n for n in range(1, 5)]
    assert png.startswith(b"\x89PNG")
    assert b"<svg" in svg
    assert contents(certify.folder / "whole") == [table, png, svg]
    assert sorted(path.name for path in (certify.folder / "whole").iterdir()) == sorted(FILES)


def test_without_a_name_it_lists(certify):
    ran = certify("experiment")
    assert (ran.code, ran.out) == (0, "coins  heads of coins\n")


def test_all(certify):
    assert certify("experiment", "all", "--size", "small").out.startswith("coins: 12 rows in experiments/coins.csv")


@pytest.mark.parametrize("at", [1, 3])
@pytest.mark.parametrize("half", ["", "coins 4,7", "coins 4,7,40,0.175\n"])
def test_a_run_that_was_interrupted_goes_on(certify, whole, monkeypatch, at, half):
    measure = coins.measure

    def interrupted(point, seed):
        if point.value > at:
            raise KeyboardInterrupt
        return measure(point, seed)

    monkeypatch.setattr(coins, "measure", interrupted)
    ran = small(certify, "-o", "out")
    assert ran.code == 130
    assert f"coins: {at} of 4 points are in out/coins.csv.part; the same command goes on from there\n" in ran.err
    with (certify.folder / "out/coins.csv.part").open("a") as file:
        file.write(half)
    monkeypatch.setattr(coins, "measure", measure)
    coins.TRACE.clear()
    ran = small(certify, "-o", "out")
    assert (ran.code, ran.err) == (0, f"coins: {at} of 4 points are in out/coins.csv.part\n")
    assert [f"coins {n}" for n in range(at + 1, 5)] == coins.TRACE
    assert contents(certify.folder / "out") == contents(whole)


def test_a_finished_table_is_only_drawn_again(certify, whole):
    before = contents(whole)
    (whole / "coins.svg").unlink()
    assert small(certify, "-o", "whole").code == 0
    assert coins.TRACE == []
    assert contents(whole) == before


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("other", [("--seed", "1"), ("--size", "published")])
def test_what_is_there_is_not_mixed_with_something_else(certify, whole, finished, other):
    if not finished:
        (whole / "coins.csv").rename(whole / "coins.csv.part")
    before = certify.files()
    ran = small(certify, "-o", "whole", *other)
    assert (ran.code, ran.out) == (2, "")
    assert "size small, seed 0, version" in ran.error
    assert ran.error.endswith("choose another folder with -o")
    assert certify.files() == before


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("coins 4", "coins 5", "expected the point 'coins 4' in its place, found 4 points: remove the file"),
        ("coins 4,", "", "expected 4 columns"),
        ("coins 3", "coins 4", "expected the point 'coins 3' in its place, found 3 points"),
        (",20,", ",twenty,", "expected a table that can be drawn, found TypeError: "),
    ],
)
def test_a_finished_table_that_somebody_edited(certify, whole, monkeypatch, old, new, says):
    def draw(_, rows):
        return str(sum(row["throws"] for row in rows)).encode(), b"svg"

    monkeypatch.setattr(style, "drawn", draw)
    path = whole / "coins.csv"
    path.write_text(path.read_text().replace(old, new))
    ran = small(certify, "-o", "whole")
    assert (ran.code, ran.out) == (2, "")
    assert "whole/coins.csv: " in ran.error
    assert says in ran.error


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["dice"], "expected an experiment, one of coins, found 'dice'"),
        (["coins", "--seed", "-1"], "is not in the range"),
        (["coins", "--size", "huge"], "'huge' is not one of"),
        (["coins", "-o", "taken"], "taken: expected a folder, or a place to make one, found: File exists"),
    ],
)
def test_wrong_calls(certify, arguments, says):
    certify.write("taken")
    before = certify.files()
    ran = certify("experiment", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.error
    assert certify.files() == before


def test_without_matplotlib_nothing_is_measured(certify, monkeypatch):
    monkeypatch.setattr(style, "find_spec", lambda _: None)
    ran = small(certify)
    assert ran.code == 2
    assert ran.error.endswith("expected the package matplotlib to be installed: pip install 'certify[experiments]'")
    assert coins.TRACE == []
    assert not (certify.folder / "experiments").exists()


def test_a_full_disk(certify, whole, monkeypatch):
    part, kept = certify.folder / "out/coins.csv.part", certify.folder / "kept"
    measure = coins.measure

    def measured_as_it_fills(point, seed):
        if point.value == 3:
            part.rename(kept)
            part.symlink_to("/dev/full")
        return measure(point, seed)

    monkeypatch.setattr(coins, "measure", measured_as_it_fills)
    ran = small(certify, "-o", "out")
    assert ran.code == 2
    says = "out/coins.csv.part: expected room for 100 bytes, found: No space left on device; the same command goes on"
    assert says in ran.error
    monkeypatch.setattr(coins, "measure", measure)
    kept.rename(part)
    assert small(certify, "-o", "out").err == "coins: 2 of 4 points are in out/coins.csv.part\n"
    assert contents(certify.folder / "out") == contents(whole)


def test_the_table_is_the_same_whoever_measures():
    def backwards(function, items):
        return reversed([function(item) for item in reversed(list(items))])

    found = [list(measured("coins", coins.points("small"), 3, crew)) for crew in (Crew(), Crew(backwards))]
    assert found[0] == found[1]
    assert found[0] != list(measured("coins", coins.points("small"), 4, Crew()))
