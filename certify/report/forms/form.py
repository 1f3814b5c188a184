"""What all forms of results share: a writer takes results and returns text.

A form is one module beside this one, with one function `write`. It sees results only, prints nothing and decides
nothing: exit codes are in the results already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from certify.report.result import Result


@dataclass(frozen=True)
class Manner:
    """How people want to be told; forms for programs are the same in every manner.

    Attributes:
        quiet: only verdicts.
        verbose: timings and versions too.
        colour: with a terminal's colours.
    """

    quiet: bool = False
    verbose: bool = False
    colour: bool = False


Writer: TypeAlias = Callable[[Sequence[Result], Manner], str]
