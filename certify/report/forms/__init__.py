"""The forms of results, by the name that `--format` gives them; each is loaded when it is asked for."""

from __future__ import annotations

import importlib

from certify.report.forms.form import Manner, Writer

__all__ = ["FORMS", "Manner", "Writer", "writer"]

FORMS = ("text", "json")


def writer(form: str) -> Writer:
    """Return the writer of a form, one of FORMS."""
    assert form in FORMS
    found: Writer = importlib.import_module(f"certify.report.forms.{form}").write
    return found
