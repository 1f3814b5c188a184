"""What is certain at finite sizes, and what the paper's bounds say there.

Lemmas 1 and 3: P(N_t > 0) is at most E N_t (Markov) and at least (E N_t)²/E N_t² (Cauchy-Schwarz). With exact moments
both are exact rationals, so they bracket the probability of success of one target, of one draw.

Lemma 4 says P ≥ 1 - O(n^{-1/7}) for κ < 1 and t = O(M). Its constant is not named, and with 2 for it the error passes
1 at every size at which anybody computes: `lemma_4_error` is for drawing it beside what is measured, no promise.

Theorem 3 counts (`certify.certificate.sizes`, whence certificates have it). Corollary 1 puts it as a width.
Both are of every target of a shape: a particular one may have a ticket in a smaller network.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from certify.certificate.sizes import parameters_needed
from certify.theory.law import Law
from certify.theory.moments import expected_subset_pairs, expected_subsets


@dataclass(frozen=True)
class Bracket:
    """Two exact bounds of a probability."""

    low: Fraction
    high: Fraction


def success(law: Law, items: int, target: int) -> Bracket:
    """Return bounds of the probability that some subset of `items` independent items has the sum `target`.

    The empty subset counts, so a target of 0 always succeeds, and the bracket knows no better than its moments.
    """
    first = expected_subsets(law, items, target)
    if not first:
        return Bracket(Fraction(0), Fraction(0))
    second = expected_subset_pairs(law, items, target, target)
    return Bracket(first**2 / second, min(Fraction(1), first))


def lemma_4_error(items: int, constant: float = 2.0) -> float:
    """Return constant·n^{-1/7}, the error of Lemma 4. No constant is known to be right: not a bound of anything."""
    return float(constant * items ** (-1 / 7))


def width_needed(outputs: int, inputs: int, precision_bits: int) -> int:
    """Return Corollary 1's bound for two layers: their hidden width is at least Theorem 3's over d_in + d_out."""
    return units_needed(precision_bits, outputs * inputs, outputs + inputs)


def units_needed(precision_bits: int, weights: int, parameters: int) -> int:
    """Return the same bound of units that have so many parameters each, for a layer of so many weights."""
    return -(-parameters_needed([(precision_bits, weights)]) // parameters)
