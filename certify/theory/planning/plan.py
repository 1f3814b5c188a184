"""The least width at which a ticket is there with a wanted probability, for each construction and precision.

All blocks of a network have the same number of units, as with `--width`, and copies are as many. The width given is
the least whose probability is certain to be as wanted, at the confidence asked for; `at_least` is the least that is
not excluded, so the width that is really needed lies between them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from certify.certificate.sizes import lower_bound
from certify.errors import InputError
from certify.network.model import Network, require_chain
from certify.theory.bounds import units_needed
from certify.theory.planning.arrival import MAX_BITS, Binary, Failing, Items, measure
from certify.theory.planning.network import Chance, Demand, Expected, blocks, chain, demand, grown
from certify.ticket.theorem1 import demands

Name: TypeAlias = Literal["pairs", "copies", "binary"]
NAMES: tuple[Name, ...] = get_args(Name)
MAX_WIDTH = 1 << 13
FINER = 2
"""So many bits more than the coarsest precision are tried."""


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    Attributes:
        success: the probability that the ticket exists.
        confidence: that the intervals hold, all of one option's together.
        instances: draws for each simulation.
        seed: of the simulation.
    """

    success: float = 0.99
    confidence: float = 0.95
    instances: int = 20_000
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in (("probability of success", self.success), ("confidence", self.confidence)):
            if not 0 < value < 1:
                raise InputError(f"expected a {name} between 0 and 1, found {value}")


@dataclass(frozen=True)
class Option:
    """One construction and precision.

    Attributes:
        construction: of the base network.
        bits: of δ, for each layer with weights; a binary network's are those of its second matrices.
        width: units in a block, and copies, which are certain to do; None where MAX_WIDTH are not.
        at_least: the fewest that are not excluded.
        chance: of success at `width`, or at MAX_WIDTH.
        units: at `width`: of each pair, or single matrix's columns.
        parameters: of the base network at `width`.
        grown: the mean of the units of all layers with blocks that grow; None for copies, or where it is not bounded.
        least_units: Corollary 1: below so many of `units` no base network serves every layer of this shape.
        expression: Theorem 1's or 2's d·log2(1/δ) for each layer, without its constant, which nobody names.
        instances: the fewest draws behind it; 0 where it was computed.
    """

    construction: Name
    bits: tuple[int, ...]
    width: int | None
    at_least: int | None
    chance: Chance
    units: tuple[int, ...]
    parameters: int | None
    grown: Expected | None
    least_units: tuple[int, ...]
    expression: tuple[int, ...]
    instances: int


@dataclass(frozen=True)
class Plan:
    """All options, and the one of the fewest parameters.

    Attributes:
        options: in the order of constructions and precisions.
        chosen: the number of an option; None where none reaches the probability.
        fewest_parameters: Theorem 3's bound, of any base network for every target of this shape.
    """

    options: tuple[Option, ...]
    chosen: int | None
    fewest_parameters: int


def make_plan(target: Network, wish: Wish, names: Sequence[Name] | None = None, bits: int | None = None) -> Plan:
    """Return the plan for a target.

    Args:
        target: the network to represent.
        wish: what is asked for.
        names: constructions; None takes all that there are for the target.
        bits: of δ; None tries the coarsest precision and some finer ones.

    Raises:
        InputError: a construction that was named does not serve the target, or a precision does not.
    """
    if names is None:
        names = NAMES if _is_chain(target) else ("pairs", "binary")
    options = [option for name in names for option in _options(target, wish, name, bits)]
    if not options:
        raise InputError("expected a precision at which some construction can be simulated, found none", "precision")
    reached = [number for number, option in enumerate(options) if option.width is not None]
    chosen = min(reached, key=lambda number: (options[number].parameters or 0, number), default=None)
    return Plan(tuple(options), chosen, lower_bound(target))


def _is_chain(target: Network) -> bool:
    try:
        require_chain(target)
    except InputError:
        return False
    return True


def _options(target: Network, wish: Wish, name: Name, bits: int | None) -> list[Option]:
    if name == "copies":
        require_chain(target)
    wanted = demands(target)
    single = [name == "copies" and number > 0 for number in range(len(wanted))]
    asked = [demand(layer, single=alone) for layer, alone in zip(wanted, single, strict=True)]
    own = [layer.precision_bits for layer in target.linear]
    if name == "binary":
        failing = [Binary(layer.magnitudes) for layer in asked]
        return [_option(target, name, tuple(own), asked, failing, wish.success, 0)]
    coarsest = [k if alone else (k + 1) // 2 for k, alone in zip(own, single, strict=True)]
    pair: Items = "nonzero" if name == "copies" else "products"
    kinds: list[Items] = ["singles" if alone else pair for alone in single]
    found: list[Option] = []
    for each in _precisions(coarsest, kinds, bits):
        scales = [b if alone else 2 * b for b, alone in zip(each, single, strict=True)]
        counted = []
        for number, layer in enumerate(asked):
            sizes = layer.magnitudes << (scales[number] - own[number])
            risk = (1 - wish.confidence) / len(asked)
            counted.append(measure(kinds[number], each[number], sizes, wish.instances, risk, wish.seed))
        fewest = min(layer.instances for layer in counted)
        found.append(_option(target, name, each, asked, counted, wish.success, fewest))
    return found


def _precisions(coarsest: Sequence[int], kinds: Sequence[Items], bits: int | None) -> list[tuple[int, ...]]:
    if bits is not None:
        if bits < max(coarsest):
            raise InputError(f"expected a precision of at least {max(coarsest)} bits, found {bits}", "precision")
        return [(bits,) * len(coarsest)]
    finer = [tuple(b + more for b in coarsest) for more in range(FINER + 1)]
    return [each for each in finer if all(b <= MAX_BITS[kind] for b, kind in zip(each, kinds, strict=True))]


def _option(
    target: Network,
    name: Name,
    bits: tuple[int, ...],
    asked: Sequence[Demand],
    failing: Sequence[Failing],
    success: float,
    instances: int,
) -> Option:
    def chance(width: int) -> Chance:
        if name == "copies":
            return chain(asked, failing, width)
        total = Chance(1.0, 1.0)
        for layer, fails in zip(asked, failing, strict=True):
            total *= blocks(layer, fails, width)
        return total

    width = _least(lambda n: chance(n).low >= success)
    at_least = _least(lambda n: chance(n).high >= success)
    units, each = _sizes(name, asked, width) if width else ((), ())
    least = _least_units(target, each)
    parameters = sum(map(operator.mul, units, each)) if width else None
    expression = tuple(layer.columns * b for layer, b in zip(asked, bits, strict=True))
    found = chance(width or MAX_WIDTH)
    mean = None if name == "copies" else _grown(asked, failing)
    return Option(name, bits, width, at_least, found, units, parameters, mean, least, expression, instances)


def _grown(asked: Sequence[Demand], failing: Sequence[Failing]) -> Expected | None:
    layers = [grown(layer, fails) for layer, fails in zip(asked, failing, strict=True)]
    known = [layer for layer in layers if layer is not None]
    if len(known) < len(layers):
        return None
    return Expected(sum(layer.low for layer in known), sum(layer.high for layer in known))


def _least(enough: Callable[[int], bool]) -> int | None:
    """Return the least width that is enough, where more never is less; None where MAX_WIDTH is not."""
    high = 1
    while not enough(high):
        if high == MAX_WIDTH:
            return None
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _sizes(name: Name, asked: Sequence[Demand], width: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return for each layer its units, and the parameters that one of them has."""
    units, each = [width * layer.columns for layer in asked], []
    for number, layer in enumerate(asked):
        copies = width if name == "copies" and number < len(asked) - 1 else 1
        pair = name != "copies" or number == 0
        each.append(layer.rows * copies + (layer.groups * layer.columns if pair else 0))
    return tuple(units), tuple(each)


def _least_units(target: Network, each: Sequence[int]) -> tuple[int, ...]:
    """Return Corollary 1's bound for each layer; nothing where there are no units."""
    layers = zip(target.linear, each, strict=True) if each else ()
    return tuple(units_needed(layer.precision_bits, math.prod(layer.weights.shape), own) for layer, own in layers)


def random_target_weights(widths: Sequence[int], bits: int, seed: int) -> list[list[list[int]]]:
    """Return weights uniform on S_δ_t for dense layers of these widths."""
    rng, most = np.random.default_rng([seed, 1]), 1 << bits
    shapes = zip(widths[1:], widths[:-1], strict=True)
    return [rng.integers(-most, most + 1, shape).tolist() for shape in shapes]
