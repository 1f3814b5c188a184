"""The program's exit codes.

0 everything asked was checked and holds · 1 refuted, or a certificate is invalid · 2 usage, input or internal error ·
3 undecided, or there was nothing to check.
"""

from __future__ import annotations

from collections.abc import Sequence

HOLDS, REFUTED, FAILED, UNDECIDED = 0, 1, 2, 3
_WORST_FIRST = (REFUTED, FAILED, UNDECIDED, HOLDS)


def worst(exit_codes: Sequence[int]) -> int:
    """Return the exit code of several results: a finding before a failure before what is undecided."""
    return min(exit_codes, key=_WORST_FIRST.index, default=UNDECIDED)
