"""Four papers' approximations of the reference network: kept edges, errors, missed weights and processor seconds.

    PYTHONPATH=tests python tests/benchmarks/baselines.py (--npz FILE | --synthetic) [--units N] [--methods …]

--npz takes the weights of Pensia et al. themselves (targets.py says where the file comes from), float32 rounded to
20 bits; --synthetic a random network of the same shape. `units` are those of each input, of which products use the
half with u > 0. The output error is the certified bound of docs/baselines.md.
"""

from __future__ import annotations

import argparse
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
from benchmarks import measure, targets

from certify.network.matrix import from_dense
from certify.network.model import Box, Dense, Network
from certify.network.steps import Relu
from certify.theory.baselines import METHODS, certify_error
from certify.theory.baselines.reals import BITS
from certify.theory.baselines.targets import synthetic_reference

EPSILON = Fraction(1, 100)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--npz", type=Path, help="the weights of Pensia et al.")
    parser.add_argument("--synthetic", action="store_true", help="a random network of the same shape instead")
    parser.add_argument("--units", type=int, default=21)
    parser.add_argument("--methods", default="pensia2020 uniform")
    options = parser.parse_args()
    if not options.synthetic and (options.npz is None or not options.npz.exists()):
        raise SystemExit(targets.REFERENCE.replace("--random", "--synthetic"))
    target = synthetic_reference() if options.synthetic else real(options.npz)
    head = [
        "target",
        "method",
        "units",
        "parameters",
        "kept",
        "missed",
        "weight",
        "output",
        "find s",
        "certify s",
    ]
    print(measure.table(head, [row(target, name, options.units) for name in options.methods.split(",")]))


def row(target: Network, name: str, units: int) -> list[object]:
    """Return one line of the table."""
    start = time.process_time()
    found = METHODS[name](target, (units,) * len(target.layers), "0")
    middle = time.process_time()
    certified = certify_error(target, found.network)
    end = time.process_time()
    kept = sum(matrix.entries for matrix in found.network.matrices[1::2]) / target.parameters
    errors = [float(found.weight_error), float(certified.error)]
    shown = [f"{each:.3g}" for each in errors]
    missed = found.missed(EPSILON)
    return [target.name, name, units, found.parameters, kept, missed, *shown, middle - start, end - middle]


def real(npz: Path) -> Network:
    """Return the reference network with its float32 weights rounded to 20 bits."""
    with np.load(npz) as arrays:
        weights = [
            np.rint(arrays[f"fc{layer}.weight"].astype(np.float64) * 2**BITS).astype(np.int64) for layer in (1, 2)
        ]
    layers = (
        Dense(from_dense(each), BITS, (0,) * len(each), steps=() if index else (Relu(),))
        for index, each in enumerate(weights)
    )
    return Network("784-500-10 of Pensia et al.", Box((784,), (0,) * 784, (255,) * 784, 8), tuple(layers))


if __name__ == "__main__":
    main()
