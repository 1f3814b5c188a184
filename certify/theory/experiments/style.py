"""How all figures look, and how they become files that are the same wherever they are drawn.

A figure is as wide as a column of text and read at that size: nothing smaller than 7 points. Colours are those of
M. Okabe and K. Ito (2008), which people of every colour vision tell apart. Matplotlib is loaded only here, when
something is drawn, and takes no settings from the user's files nor from the current folder.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from certify.errors import ReaderMissingError
from certify.theory.experiments.table import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Blue, vermilion, green, purple, orange, sky, black."""

GREY = "#666666"
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
WIDTH = 6.3
"""Inches: a column of text."""

_DOTS = 160
_STYLE: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.labelsize": 8.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "lines.linewidth": 1.3,
    "lines.markersize": 3,
    "figure.facecolor": "white",
    "svg.hashsalt": "certify",
    "svg.fonttype": "path",
    "path.simplify": True,
}


def check_installed() -> None:
    """Check that figures can be drawn.

    Raises:
        ReaderMissingError: matplotlib, which is an extra, is not there.
    """
    if find_spec("matplotlib") is None:
        raise ReaderMissingError("matplotlib", "experiments")


def drawn(draw: Callable[[Sequence[Row], Figure], None], rows: Sequence[Row]) -> tuple[bytes, bytes]:
    """Return a figure of the rows as PNG and as SVG.

    Raises:
        ReaderMissingError: as for `check_installed`.
    """
    check_installed()
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, and slow to load

    with _own_style():
        figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
        draw(rows, figure)
        return _saved(figure, "png", {"Software": None}), _saved(figure, "svg", {"Date": None, "Creator": None})


@contextmanager
def _own_style() -> Iterator[None]:
    import matplotlib as mpl  # noqa: PLC0415 - as above

    with mpl.rc_context():
        mpl.rcdefaults()
        settings: Any = mpl.rcParams
        settings.update(_STYLE)
        yield


def _saved(figure: Figure, form: str, metadata: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format=form, dpi=_DOTS, metadata=metadata)
    return file.getvalue()


def curve(
    axes: Axes,
    x: Sequence[float],
    middle: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    **options: Any,
) -> None:
    """Draw a line through what was measured, with the band of its confidence; options are those of `Axes.plot`."""
    (line,) = axes.plot(x, middle, **options)
    axes.fill_between(x, low, high, color=line.get_color(), alpha=0.22, linewidth=0)
