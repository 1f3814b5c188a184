"""Trains the example targets, iris.json and digits.json, on the data that scikit-learn ships.

The files come again byte for byte, whatever the machine, because no float is computed with: training too is
integer arithmetic. Sums of integers do not depend on their order, so neither vector width nor the version of
numpy can change one, a BLAS never sees these matrices, and there is nothing for a compiler to contract into a
fused multiply-add. Initial weights and every shuffle are words of SplitMix64 (Steele, Lea and Flood, OOPSLA
2014), a function of a counter, so no library's random stream is involved either.

The network is trained as it will be written. Each weight has a fine copy with FINE_BITS bits more; the forward
pass rounds it to the target's precision and then does exactly what certify.network.evaluate does. The backward
pass takes the roundings for the identity (the straight-through estimator) and moves the fine copies: gradient
descent with momentum 7/8 on the squared hinge of each output against ±margin, at a rate that is halved
DECAYS - 1 times on the way. A number of precision bits k is the integer a with the value a·2^-k, here as in the
target.

A third of the samples is held out, those that come first in one fixed shuffle, and takes no part in training.
Everything in a Recipe was chosen by cross-validation inside the other two thirds.

    python certificates/targets/train.py           writes both files and prints their held-out accuracy
    python certificates/targets/train.py --check   trains again, compares, exits 1 if a file differs
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits, load_iris  # type: ignore[import-untyped]

from certify.network.evaluate import evaluate
from certify.network.matrix import Int64Array, from_dense
from certify.network.model import Box, Dense, Display, Network
from certify.network.reader import read_network
from certify.network.steps import Clamp, Relu, Requantize, Step
from certify.network.writer import write_network

FOLDER = Path(__file__).resolve().parent
FINE_BITS = 32
MOMENTUM_BITS = 3
DECAYS = 4
SPLIT_STREAM, WEIGHT_STREAM, EPOCH_STREAM = 0, 1, 100


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs, int64[samples, features], on a target's grid, and the class of each, int64[samples]."""

    features: Int64Array
    labels: Int64Array

    def __getitem__(self, chosen: slice | Int64Array) -> Samples:
        return Samples(self.features[chosen], self.labels[chosen])

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Recipe:
    """How one target is made.

    Attributes:
        name: of the network; its file is <name>.json.
        load: returns all samples.
        box: the input grid.
        widths: inputs, hidden units of each hidden layer, outputs.
        precision_bits: k of every layer's weights.
        shifts: per hidden layer, the bits that requantization takes away; 0 for no requantization.
        hidden_high: where hidden values are clamped, or None for nowhere.
        margin_bits: the margin's value is 2^margin_bits.
        batch_bits: samples in a batch, as a power of two.
        rate_bits: the first learning rate's value is 2^-rate_bits.
        epochs: passes over the training samples.
    """

    name: str
    load: Callable[[], Samples]
    box: Box
    widths: tuple[int, ...]
    precision_bits: int
    shifts: tuple[int, ...]
    hidden_high: int | None
    margin_bits: int
    batch_bits: int
    rate_bits: int
    epochs: int

    @property
    def scales(self) -> tuple[tuple[int, int], ...]:
        """The precision bits of each layer's inputs and of its accumulators."""
        scales = []
        bits = self.box.precision_bits
        for shift in (*self.shifts, 0):
            scales.append((bits, bits + self.precision_bits))
            bits += self.precision_bits - shift
        return tuple(scales)

    def steps(self, layer: int) -> tuple[Step, ...]:
        """What follows a layer's accumulation: nothing after the last."""
        if layer == len(self.shifts):
            return ()
        shift = self.shifts[layer]
        requantize = (Requantize(shift, "half_up"),) if shift else ()
        clamp = () if self.hidden_high is None else (Clamp(0, self.hidden_high),)
        return (Relu(), *requantize, *clamp)


@dataclass(frozen=True, eq=False)
class Layer:
    """The fine copies of one layer's parameters and their momentum; training changes the arrays in place.

    Attributes:
        weights, weight_momentum: int64[inputs, outputs]; the weights have FINE_BITS bits more than the target's.
        bias, bias_momentum: int64[outputs]; the bias has FINE_BITS bits more than the accumulator.
    """

    weights: Int64Array
    weight_momentum: Int64Array
    bias: Int64Array
    bias_momentum: Int64Array


def load_iris_grid() -> Samples:
    """Return the 150 irises; a feature of c centimetres becomes round(c / 0.25) - 16, at most 15 (7.75 cm).

    The data has one decimal, so it is first taken to whole millimetres m. m / 2.5 is never halfway between two
    integers, and (2m + 2) div 5 is the nearest. One value, 7.9 cm, meets the limit.
    """
    bunch = load_iris()
    millimetres = np.rint(bunch.data * 10).astype(np.int64)
    return Samples(np.minimum((2 * millimetres + 2) // 5, 31) - 16, bunch.target.astype(np.int64))


def load_digits_grid() -> Samples:
    """Return the 1,797 digits; a pixel is an integer from 0 to 16 as it comes."""
    bunch = load_digits()
    return Samples(bunch.data.astype(np.int64), bunch.target.astype(np.int64))


IRIS = Recipe(
    name="iris",
    load=load_iris_grid,
    box=Box((4,), (-16,) * 4, (15,) * 4, precision_bits=5, display=Display("0.25", -16)),
    widths=(4, 8, 3),
    precision_bits=5,
    shifts=(0,),
    hidden_high=None,
    margin_bits=-2,
    batch_bits=4,
    rate_bits=3,
    epochs=400,
)
DIGITS = Recipe(
    name="digits",
    load=load_digits_grid,
    box=Box((8, 8), (0,) * 64, (16,) * 64, precision_bits=4),
    widths=(64, 32, 16, 10),
    precision_bits=7,
    shifts=(6, 7),
    hidden_high=255,
    margin_bits=1,
    batch_bits=4,
    rate_bits=6,
    epochs=60,
)
RECIPES = (IRIS, DIGITS)


def words(stream: int, count: int) -> NDArray[np.uint64]:
    """Return the first `count` words of SplitMix64 started at the state stream·2^32·γ (mod 2^64)."""
    counter = np.uint64(stream << 32) + np.arange(1, count + 1, dtype=np.uint64)
    z = counter * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def permutation(stream: int, count: int) -> Int64Array:
    """Return the order of 0..count-1 by their words."""
    return np.argsort(words(stream, count), kind="stable").astype(np.int64)


def split(samples: Samples) -> tuple[Samples, Samples]:
    """Return (training samples, held-out samples), two thirds and one third."""
    order = permutation(SPLIT_STREAM, len(samples))
    held_out = len(samples) // 3
    return samples[order[held_out:]], samples[order[:held_out]]


def rounded(values: Int64Array, bits: int) -> Int64Array:
    """Return values / 2^bits rounded half up, as the step `requantize` with `half_up` does."""
    return (values + (1 << bits >> 1)) >> bits


def initial(recipe: Recipe, index: int) -> Layer:
    """Return a layer with weights uniform in ±sqrt(3/2 / inputs) and no bias."""
    inputs, outputs = recipe.widths[index], recipe.widths[index + 1]
    one = 1 << (recipe.precision_bits + FINE_BITS)
    limit = math.isqrt(3 * one * one // (2 * inputs))
    uniform = (words(WEIGHT_STREAM + index, inputs * outputs) >> np.uint64(41)).astype(np.int64) - (1 << 22)
    weights = ((uniform * limit) >> 22).reshape(inputs, outputs)
    bias = np.zeros(outputs, dtype=np.int64)
    return Layer(weights, np.zeros_like(weights), bias, np.zeros_like(bias))


def target_parameters(recipe: Recipe, layer: Layer) -> tuple[Int64Array, Int64Array]:
    """Return a layer's weights, int64[inputs, outputs], and bias, both as the target has them.

    Weights lie in [-2^k, 2^k - 1], the integers of k + 1 bits, though the target's format allows 2^k.
    """
    limit = 1 << recipe.precision_bits
    return np.clip(rounded(layer.weights, FINE_BITS), -limit, limit - 1), rounded(layer.bias, FINE_BITS)


def forward(recipe: Recipe, layers: Sequence[Layer], features: Int64Array) -> list[Int64Array]:
    """Return the values that enter each layer, int64[samples, inputs], and last the outputs."""
    values = [features]
    for index, layer in enumerate(layers):
        weights, bias = target_parameters(recipe, layer)
        accumulators = values[-1] @ weights + bias
        if index < len(recipe.shifts):
            accumulators = np.clip(rounded(accumulators, recipe.shifts[index]), 0, recipe.hidden_high)
        values.append(accumulators)
    return values


def loss_slope(recipe: Recipe, outputs: Int64Array, labels: Int64Array) -> Int64Array:
    """Return half the squared hinge's derivative by each output, int64[samples, outputs], on the outputs' scale."""
    margin = 1 << (recipe.scales[-1][1] + recipe.margin_bits)
    side = np.where(np.arange(outputs.shape[1]) == labels[:, None], 1, -1)
    return -side * np.maximum(margin - side * outputs, 0)


def slope_below(recipe: Recipe, layer: Layer, slope: Int64Array, values: Int64Array) -> Int64Array:
    """Return the slope by the accumulators under `values`, which enter `layer`; slopes keep one scale throughout."""
    weights, _ = target_parameters(recipe, layer)
    passes = values > 0
    if recipe.hidden_high is not None:
        passes &= values < recipe.hidden_high
    return np.where(passes, rounded(slope @ weights.T, recipe.precision_bits), 0)


def descend(recipe: Recipe, layers: Sequence[Layer], batch: Samples, rate_bits: int) -> None:
    """Take one step of gradient descent on one batch."""
    values = forward(recipe, layers, batch.features)
    slope = loss_slope(recipe, values.pop(), batch.labels)
    limit = 1 << (recipe.precision_bits + FINE_BITS)
    # From the outputs' scale, which every slope has, to FINE_BITS bits; the mean over the batch and the rate with it.
    scale = FINE_BITS - recipe.scales[-1][1] - recipe.batch_bits - rate_bits
    for layer, inputs, (input_bits, bits) in reversed(list(zip(layers, values, recipe.scales, strict=True))):
        below = slope_below(recipe, layer, slope, inputs)
        _gather(layer.weight_momentum, inputs.T @ slope)
        _gather(layer.bias_momentum, slope.sum(axis=0))
        moved = layer.weights - (layer.weight_momentum << (scale + recipe.precision_bits - input_bits))
        layer.weights[:] = np.clip(moved, -limit, limit)
        layer.bias[:] -= layer.bias_momentum << (scale + bits)
        slope = below


def _gather(momentum: Int64Array, gradient: Int64Array) -> None:
    momentum += gradient - rounded(momentum, MOMENTUM_BITS)


def train(recipe: Recipe, samples: Samples) -> list[Layer]:
    """Return the layers after all epochs; a batch that would be short is left out of its epoch."""
    layers = [initial(recipe, index) for index in range(len(recipe.widths) - 1)]
    size = 1 << recipe.batch_bits
    for epoch in range(recipe.epochs):
        rate_bits = recipe.rate_bits + epoch * DECAYS // recipe.epochs
        order = permutation(EPOCH_STREAM + epoch, len(samples))
        for start in range(0, len(samples) - size + 1, size):
            descend(recipe, layers, samples[order[start : start + size]], rate_bits)
    return layers


def as_network(recipe: Recipe, layers: Sequence[Layer]) -> Network:
    """Return the target that the trained layers are."""
    dense = []
    for index, layer in enumerate(layers):
        weights, bias = target_parameters(recipe, layer)
        steps = recipe.steps(index)
        dense.append(Dense(from_dense(weights.T), recipe.precision_bits, tuple(bias.tolist()), steps=steps))
    return Network(recipe.name, recipe.box, tuple(dense))


def build(recipe: Recipe) -> bytes:
    """Return a target's file, trained from nothing."""
    training, _ = split(recipe.load())
    return write_network(as_network(recipe, train(recipe, training)))


def count_correct(network: Network, samples: Samples) -> int:
    """Return how many samples the network classifies correctly, in plain Python integers; ties go to the lowest."""
    correct = 0
    for point, label in zip(samples.features.tolist(), samples.labels.tolist(), strict=True):
        outputs = evaluate(network, point)
        correct += outputs.index(max(outputs)) == label
    return correct


def accuracy_line(recipe: Recipe, data: bytes) -> str:
    """Return what is said of a target: its file and its accuracy on the held-out samples."""
    _, held_out = split(recipe.load())
    correct = count_correct(read_network(data), held_out)
    percent = 100 * correct / len(held_out)
    return f"{recipe.name}.json: {correct} of {len(held_out)} held-out samples correct ({percent:.1f} %)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the targets, or with --check compare them; return the exit code."""
    parser = argparse.ArgumentParser(description="Train the example targets.")
    parser.add_argument("--check", action="store_true", help="compare with the files there are, write nothing")
    check = parser.parse_args(arguments).check
    differing = 0
    for recipe in RECIPES:
        path = FOLDER / f"{recipe.name}.json"
        data = build(recipe)
        if not check:
            path.write_bytes(data)
        elif not path.is_file() or path.read_bytes() != data:
            differing += 1
            print(f"{path.name}: not what training gives", file=sys.stderr)
            continue
        print(accuracy_line(recipe, data))
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
