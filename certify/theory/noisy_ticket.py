"""A ticket whose kept weights carry rounding noise: the exact law of every weight that it represents.

By Lemma 5 of Kumar and Natale (arXiv:2508.11020) a weight w of the target is Σ v·u over the kept units of its input's
block, once over u > 0 for inputs x ≥ 0 and once over u < 0 for inputs x ≤ 0. With noise it is Σ V·max(U, 0) for
x ≥ 0 and Σ V·min(U, 0) for x ≤ 0, V = v + e and U = u + f, over all kept units of the block, as an error may turn u's
sign. Every V and U of one output and input occurs once, so the terms are independent, and the law of the sum is their
convolution. Two weights of one input share its U and are not independent.

The noisy network is written out with weights at δ/2^S, S the noise's finer bits, and the target's steps rescaled once
more. Without errors it is the ticket itself, so what it differs by from the ticket it differs by from the target.
Chains of dense layers with Theorem 1's pairs only.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import reduce
from itertools import accumulate
from typing import Literal, TypeAlias

import numpy as np

from certify.base.activation import RELU, activation_name
from certify.base.draw import kept_weights
from certify.base.law import MAX_PRECISION_BITS, BaseNetwork, Precision, quantize
from certify.base.layout import Pair, pairs
from certify.base.mask import Mask
from certify.errors import InputError
from certify.network.matrix import Int64Array, Matrix
from certify.network.model import Dense, Network, require_chain
from certify.network.steps import Relu
from certify.theory.law import Law, of_counts
from certify.theory.noise import Noise

Half: TypeAlias = Literal["+", "-"]
HALVES: tuple[Half, Half] = ("+", "-")
_NOTHING = Law(0, (1,))


@dataclass(frozen=True, eq=False)
class NoisyMatrix:
    """What a mask leaves of one matrix, and the laws of its errors.

    Attributes:
        exact: the weights without noise, at δ/2^S.
        laws: of errors, each once.
        kind: int64[entries]: which law an entry's error has.
    """

    exact: Matrix
    laws: tuple[Law, ...]
    kind: Int64Array

    def law(self, entry: int) -> Law:
        """Return the law of one entry's error."""
        return self.laws[int(self.kind[entry])]

    def with_errors(self, errors: Int64Array) -> Matrix:
        """Return the weights with int64[entries] errors."""
        return replace(self.exact, values=self.exact.values + errors)


@dataclass(frozen=True)
class Represented:
    """The error of a represented weight, in one half, on the scale of the noisy products.

    Attributes:
        exact: Σ v·u of this half, without noise.
        low, high: the least and the greatest error that has a probability.
        mean, variance: of the error.
        terms: the laws whose convolution the error has.
    """

    exact: int = 0
    low: int = 0
    high: int = 0
    mean: Fraction = Fraction(0)
    variance: Fraction = Fraction(0)
    terms: tuple[Law, ...] = field(default=(), repr=False)

    def law(self) -> Law:
        """Return the exact law of the error."""
        return reduce(Law.plus, self.terms, _NOTHING)


Weights: TypeAlias = Mapping[tuple[int, int], tuple[Represented, Represented]]
"""By output and input (constant lines after the inputs): both halves, of all that have a kept edge."""


@dataclass(frozen=True, eq=False)
class NoisyPair:
    """One pair of matrices.

    Attributes:
        bits: of δ/2^S.
        layout: what the target fixes of a pair of this precision.
        first, second: the matrices.
    """

    bits: int
    layout: Pair
    first: NoisyMatrix
    second: NoisyMatrix

    def represented(self) -> Weights:
        """Return the errors of all weights that the pair represents.

        Raises:
            InputError: a hidden unit keeps weights from several inputs, so terms are not independent.
        """
        units = self._units()
        found: dict[tuple[int, int], list[tuple[Represented, Represented]]] = {}
        known: dict[tuple[int, int, int, int], tuple[Represented, Represented]] = {}
        second = self.second.exact
        for entry, output in enumerate(second.row_of_entry().tolist()):
            if (first := units.get(int(second.columns[entry]))) is None:
                continue
            v, u = int(second.values[entry]), int(self.first.exact.values[first])
            key = v, int(self.second.kind[entry]), u, int(self.first.kind[first])
            if key not in known:
                known[key] = _edge(v, self.second.law(entry), u, self.first.law(first))
            found.setdefault((output, int(self.first.exact.columns[first])), []).append(known[key])
        return {place: (_sum(a for a, _ in edges), _sum(b for _, b in edges)) for place, edges in found.items()}

    def _units(self) -> dict[int, int]:
        """The entry of the first matrix that each hidden unit keeps."""
        rows = self.first.exact.row_of_entry()
        if len(rows) != len(np.unique(rows)):
            raise InputError("expected hidden units of one input each, found one of several", "masks")
        return {unit: entry for entry, unit in enumerate(rows.tolist())}


def _edge(v: int, v_law: Law, u: int, u_law: Law) -> tuple[Represented, Represented]:
    """Return the error of V·max(U, 0) and of V·min(U, 0)."""
    return _term(v, v_law, u, u_law, "+"), _term(v, v_law, u, u_law, "-")


def _term(v: int, v_law: Law, u: int, u_law: Law, half: Half) -> Represented:
    cut = max if half == "+" else min
    exact = v * cut(u, 0)
    counts: Counter[int] = Counter()
    for f, count in u_law.items():
        for e, others in v_law.items():
            counts[(v + e) * cut(u + f, 0) - exact] += count * others
    law = of_counts(counts)
    return Represented(exact, law.low, law.high, law.mean, law.variance, () if law == _NOTHING else (law,))


def _sum(edges: Iterator[Represented]) -> Represented:
    """The error of independent terms together."""
    every = tuple(edges)
    return Represented(
        sum(edge.exact for edge in every),
        sum(edge.low for edge in every),
        sum(edge.high for edge in every),
        sum((edge.mean for edge in every), Fraction(0)),
        sum((edge.variance for edge in every), Fraction(0)),
        tuple(term for edge in every for term in edge.terms),
    )


@dataclass(frozen=True, eq=False)
class NoisyTicket:
    """A ticket, its target, and noise on all that it keeps."""

    target: Network
    noise: Noise
    pairs: tuple[NoisyPair, ...]

    @property
    def matrices(self) -> tuple[NoisyMatrix, ...]:
        """All matrices, in order."""
        return tuple(matrix for pair in self.pairs for matrix in (pair.first, pair.second))

    def realized(self, errors: Sequence[Int64Array]) -> Network:
        """Return the network with these errors, int64[entries] for each matrix."""
        layers: list[Dense] = []
        values = [matrix.with_errors(own) for matrix, own in zip(self.matrices, errors, strict=True)]
        for pair, first, second in zip(self.pairs, values[::2], values[1::2], strict=True):
            none, layout = (0,) * first.shape[0], pair.layout
            layers.append(Dense(first, pair.bits, none, layout.constants, (Relu(),)))
            layers.append(Dense(second, pair.bits, (0,) * second.shape[0], (), layout.steps))
        return Network(f"noisy ticket of {self.target.name}", self.target.input, tuple(layers))

    def draw(self, generator: random.Random) -> list[Int64Array]:
        """Return errors for every matrix, drawn from their laws."""
        return [_drawn(matrix, generator) for matrix in self.matrices]


def _drawn(matrix: NoisyMatrix, generator: random.Random) -> Int64Array:
    sums = [list(accumulate(law.counts)) for law in matrix.laws]
    kinds = matrix.kind.tolist()
    places = (bisect_right(sums[kind], generator.randrange(sums[kind][-1])) for kind in kinds)
    return np.array([matrix.laws[kind].low + at for kind, at in zip(kinds, places, strict=True)], dtype=np.int64)


def with_noise(target: Network, base: BaseNetwork, masks: Sequence[Mask], noise: Noise) -> NoisyTicket:
    """Return a ticket with noise on its kept weights.

    Args:
        target: a chain of dense layers.
        base: the base network's name.
        masks: what pruning keeps, two for each layer.
        noise: its form.

    Raises:
        InputError: the target has another operator than dense layers in a chain, the base network has another
            construction than Theorem 1's or another activation than ReLU, or weights would be finer than 2^-30.
    """
    require_chain(target)
    construction = base.construction
    if construction != "theorem-1":
        raise InputError(f"expected the construction theorem-1, found {construction}", "base.construction")
    if base.activation != RELU:
        raise InputError(f"expected relu, found {activation_name(base.activation)}", "base.activation")
    finer = [precision.kept + noise.finer_bits for precision in base.precisions]
    if max(finer) > MAX_PRECISION_BITS:
        raise InputError(f"expected noisy weights of at most {MAX_PRECISION_BITS} bits, found {max(finer)}")
    layouts = pairs(target, tuple(Precision(bits, bits) for bits in finer))
    matrices = [_noisy(base, index, mask, noise) for index, mask in enumerate(masks)]
    made = zip(finer, layouts, matrices[::2], matrices[1::2], strict=True)
    return NoisyTicket(target, noise, tuple(NoisyPair(*parts) for parts in made))


def _noisy(base: BaseNetwork, index: int, mask: Mask, noise: Noise) -> NoisyMatrix:
    precision = base.precisions[index // 2]
    unrounded = replace(base, precisions=tuple(Precision(p.drawn, p.drawn) for p in base.precisions))
    drawn = kept_weights(unrounded, index, mask)
    kept, rest_bits = quantize(drawn.values, precision, base.quantization), precision.drawn - precision.kept
    rest = drawn.values - (kept << rest_bits)
    numbers: dict[Law, int] = {}
    pairs_of = zip(kept.tolist(), rest.tolist(), strict=True)
    laws = (noise.law(weight, left, rest_bits) for weight, left in pairs_of)
    kind = np.array([numbers.setdefault(law, len(numbers)) for law in laws], dtype=np.int64)
    return NoisyMatrix(replace(drawn, values=kept << noise.finer_bits), tuple(numbers), kind)
