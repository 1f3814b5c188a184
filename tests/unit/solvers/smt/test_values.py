"""Answers stay as they were given, and nobody can leave out a word of the vocabulary."""

from __future__ import annotations

import inspect

import pytest
from values import value_types

import solvers.smt
from solvers.smt.vocabulary import Vocabulary

WRITTEN_ONCE = {"within", "add", "at_least_zero", "relu", "leaky_relu", "clamp", "shift_right", "round_significant"}


@pytest.mark.parametrize("kind", value_types(solvers.smt), ids=lambda kind: kind.__name__)
def test_values_are_frozen(kind):
    assert kind.__dataclass_params__.frozen


def test_readers_have_every_word_of_their_own():
    """All but what is made of others; a reader without one could not be made."""
    words = {name for name, _ in inspect.getmembers(Vocabulary, inspect.isfunction) if not name.startswith("_")}
    assert Vocabulary.__abstractmethods__ == words - WRITTEN_ONCE
