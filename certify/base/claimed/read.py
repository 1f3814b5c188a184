"""Reading a claimed base network: a network as it is, or arrays and the layout that says what they are.

Either way every weight becomes a stored entry, zeros too: a mask may keep a weight that is 0, and that weight then
counts as kept. The base network stands on the target's whole box, whatever a file says of its inputs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from certify.base.claimed.assemble import assemble, full_rows
from certify.base.claimed.files import BaseFiles, network_bytes
from certify.base.claimed.layout import read_layout
from certify.base.claimed.seed import check_seed
from certify.errors import InputError
from certify.network.arrays import read_arrays
from certify.network.compare import check_comparable
from certify.network.model import Linear, Network, Operator
from certify.network.reader import read_network
from certify.network.step_form import MAX_PRECISION_BITS


@dataclass(frozen=True, eq=False)
class Base:
    """A base network that was claimed.

    Attributes:
        network: on the target's input; all its weights are stored entries, zeros too.
        rounded: how many weights and biases rounding changed.
    """

    network: Network
    rounded: int


def read_base(source: BaseFiles, target: Network) -> Base:
    """Return the base network that the files hold, on the target's input.

    Raises:
        InputError: the files cannot be read, leave open what they mean, or hold a network that is not comparable with
            the target.
        FalseClaimError: a weight is not the seed's.
    """
    if source.round_to is not None and not 0 <= source.round_to <= MAX_PRECISION_BITS:
        raise InputError(f"expected rounding to 0 to {MAX_PRECISION_BITS} bits, found {source.round_to}")
    data = network_bytes(source.files)
    base = _from_arrays(source, target) if data is None else _from_network(data, source)
    check_comparable(target, base.network)
    network = replace(base.network, input=target.input)
    if source.seed is not None:
        check_seed(network, source.seed)
    return Base(network, base.rounded)


def _from_network(data: bytes, source: BaseFiles) -> Base:
    if source.layout is not None:
        raise InputError("expected no layout, as the base is a network and says itself what is where")
    network = read_network(data)
    return Base(replace(network, layers=tuple(map(_with_zeros, network.layers))), 0)


def _with_zeros(layer: Operator) -> Operator:
    return layer.replaced(weights=full_rows(layer.weights.to_dense())) if isinstance(layer, Linear) else layer


def _from_arrays(source: BaseFiles, target: Network) -> Base:
    if source.layout is None:
        raise InputError("expected a layout that says which array is which layer, found none")
    plans = read_layout(source.layout, target)
    return Base(*assemble(read_arrays(source.files), plans, target.input, source.round_to))
