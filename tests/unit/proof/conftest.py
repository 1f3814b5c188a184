"""The compiled sweep alone, without the exact one that takes over where integers are too wide for it."""

from __future__ import annotations

import pytest

from certify.proof import enumeration


@pytest.fixture
def compiled_only(monkeypatch):
    monkeypatch.setattr(enumeration, "EXACT_WORK", 0)
