"""The targets that are measured: the reference job, and random networks of any size like it.

The reference job is the 784-500-10 network of Pensia et al. (2020), 397,000 float32 weights without biases. Each
becomes rint(127·w/max), max over both layers, at precision 2^-7; inputs are 0..255 at precision 2^-8, a ReLU stands
between the layers, and nothing is requantized. The file is theirs (`fc2.pt` of acnagle/optimal-lottery-tickets on
GitHub, Apache-2.0) and not in this project; REFERENCE says how to get it.

A random network of any size has weights of the same look: a random sign, and as magnitude the rounding of a Weibull
variable of shape 0.6 and scale 1.73, cut at 127. Its quantiles are those of the reference's first layer (50 % up to
1, 75 % up to 3, 90 % up to 7, 99 % up to 22). Its shape is d inputs, d/2 hidden units, 10 outputs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from certify.network.matrix import from_dense
from certify.network.model import Box, Dense, Network
from certify.network.steps import Relu
from certify.network.writer import write_network

BITS, INPUT_BITS = 7, 8
OUTPUTS = 10
REFERENCE = """\
the network of Pensia et al. is needed as npz, arrays fc1.weight [500, 784] and fc2.weight [10, 500]; it is fc2.pt of
github.com/acnagle/optimal-lottery-tickets, and where torch is installed:
    python -c "import numpy, torch; s = torch.load('fc2.pt', map_location='cpu'); s = s.get('state_dict', s);
    numpy.savez('pensia.npz', **{k[-10:]: v.numpy() for k, v in s.items() if v.ndim == 2})"
or use --random for a random network of the same size and look"""


def reference(npz: Path) -> Network:
    """Return the reference job's target.

    Raises:
        SystemExit: the file is not there, or not what is expected; says how to get it.
    """
    if not npz.exists():
        raise SystemExit(f"{npz} is not there: {REFERENCE}")
    with np.load(npz) as arrays:
        if not {"fc1.weight", "fc2.weight"} <= set(arrays):
            raise SystemExit(f"{npz} has {', '.join(arrays)}: {REFERENCE}")
        weights = [arrays[f"fc{layer}.weight"].astype(np.float64) for layer in (1, 2)]
    most = max(float(np.abs(layer).max()) for layer in weights)
    return _network("reference", [np.rint(127 * layer / most).astype(np.int64) for layer in weights])


def shape(weights: int) -> tuple[int, int, int]:
    """Return d, d/2 and 10 for the least even d of at least so many weights."""
    width = 2 * math.ceil((math.sqrt(25 + 2 * weights) - 5) / 2)
    return width, width // 2, OUTPUTS


def random_network(widths: Sequence[int], seed: int = 0) -> Network:
    """Return a random network of these widths with weights as the reference has."""
    rng = np.random.default_rng([seed, *widths])
    layers = [_weights(rng, outputs, inputs) for inputs, outputs in pairwise(widths)]
    return _network("-".join(map(str, widths)), layers)


def write(network: Network, path: Path) -> Path:
    """Write a network's file; return its path."""
    path.write_bytes(write_network(network))
    return path


def _weights(rng: np.random.Generator, outputs: int, inputs: int) -> NDArray[np.int64]:
    magnitude = np.rint(1.73 * rng.weibull(0.6, (outputs, inputs))).clip(0, 127).astype(np.int64)
    return magnitude * rng.choice(np.array([-1, 1]), magnitude.shape)


def _network(name: str, layers: Sequence[NDArray[np.int64]]) -> Network:
    inputs = layers[0].shape[1]
    box = Box((inputs,), (0,) * inputs, (255,) * inputs, INPUT_BITS)
    last = len(layers) - 1
    dense = tuple(
        Dense(from_dense(weights), BITS, (0,) * len(weights), steps=() if index == last else (Relu(),))
        for index, weights in enumerate(layers)
    )
    return Network(name, box, dense)
