"""The program in a folder of its own."""

from __future__ import annotations

import pytest
from program import Program


@pytest.fixture
def certify(tmp_path, monkeypatch, capsys):
    return Program(tmp_path, monkeypatch, capsys)
