"""What the mathematics takes for granted, worked out again: γ_n, Lemma 2, and parity."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from certify.theory import asymptotics
from certify.theory.law import products, uniform


@pytest.mark.parametrize("largest", [16, 128, 1024])
@pytest.mark.parametrize("items", [10, 24, 40])
def test_gamma_is_within_three_percent_of_the_convolution(items, largest):
    """P(σ·X = 0) by Fourier transforms, long enough that nothing wraps."""
    law = np.zeros(2 * items * largest + 1)
    law[1 : largest + 1] = law[-largest:] = 1 / (2 * largest)
    height = np.fft.irfft(np.fft.rfft(law) ** items, len(law))[0]
    assert asymptotics.gamma(items, largest) == pytest.approx(height, rel=0.03)


def test_lemma_2():
    """Some subset has the sum t exactly where some signs have the sum Λ - 2t, which never has the wrong parity."""
    rng = np.random.default_rng(2)
    for items in rng.integers(-6, 7, (20, 5)):
        sums = {int(items @ chosen) for chosen in itertools.product((0, 1), repeat=5)}
        signed = {abs(int(items @ signs)) for signs in itertools.product((1, -1), repeat=5)}
        whole = int(items.sum())
        for target in range(-20, 21):
            assert (target in sums) == (abs(whole - 2 * target) in signed)


def test_an_odd_product_is_one_of_four_as_bits_grow():
    """So (3/4)^n of all blocks have no odd one, without zero's share."""
    law = products(uniform(2**6, zero=True), uniform(2**6, zero=True))
    odd = Fraction(sum(count for value, count in law.items() if value % 2), law.total)
    assert float(odd) == pytest.approx(0.25, abs=0.01)
    drawn = np.random.default_rng(4).integers(-64, 65, (2, 40_000, 8)).prod(axis=0)
    assert np.mean((drawn % 2 == 0).all(axis=1)) == pytest.approx(0.75**8, abs=0.01)
