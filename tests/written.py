"""Results in their forms, as the program writes them."""

from __future__ import annotations

from certify.report.forms import Manner, writer


def to_text(results, **manner):
    return writer("text")(results, Manner(**manner))


def to_json(results):
    return writer("json")(results, Manner())
