"""A result as JSON: `certify.result/1`, one document whether one thing was asked or several.

Everything beyond ASCII is escaped: the names of files can hold what no encoding of a terminal does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from certify.report.exit_codes import worst
from certify.report.forms.form import Manner
from certify.report.result import FORMAT, Result


def write(results: Sequence[Result], manner: Manner) -> str:  # noqa: ARG001 - a document is the same for all
    """Return one document: the result itself, or for several an overall one with all of them in `results`."""
    if len(results) == 1:
        return json.dumps(_document(results[0]), indent=2)
    code = worst([result.exit_code for result in results])
    first = next((result for result in results if result.exit_code == code), None)
    overall = _document(first) if first else {"format": FORMAT, "exit_code": code}
    return json.dumps({**overall, "results": [_document(result) for result in results]}, indent=2)


def _document(result: Result) -> dict[str, Any]:
    document = {"format": FORMAT, **asdict(result)}
    document["timings"] = {phase: round(seconds, 4) for phase, seconds in result.timings.items()}
    return document
