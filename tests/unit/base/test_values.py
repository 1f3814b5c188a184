"""Values stay as they were made: whoever holds one may rely on what was checked when it was built."""

from __future__ import annotations

import numpy as np
import pytest
from values import value_types

import certify.base
from certify.base.mask import Mask, from_bits


@pytest.mark.parametrize("kind", value_types(certify.base), ids=lambda kind: kind.__name__)
def test_values_are_frozen(kind):
    assert kind.__dataclass_params__.frozen


def test_masks_are_compared_as_objects():
    """Arrays have no truth value, so two masks have no `==` that could be asked for by mistake."""
    mask = from_bits(np.eye(3, dtype=np.bool_))
    assert mask != from_bits(np.eye(3, dtype=np.bool_))
    assert len({mask, mask, Mask(mask.shape, mask.start, mask.columns)}) == 2
