"""The networks that a ticket is made of, each as a network of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from certify.base.law import BaseNetwork
from certify.base.mask import Mask
from certify.base.prune import prune
from certify.errors import InputError
from certify.export.arrays import check_size, full_rows
from certify.network.model import Network
from certify.network.reader import MAX_BYTES
from certify.network.writer import write_network

MAX_BASE_WEIGHTS = 2**24
"""How many weights a base network may have to be made whole: some 30 bytes of memory go into each."""


def base_network(target: Network, base: BaseNetwork, masks: Sequence[Mask]) -> Network:
    """Return the random network before pruning, on the target's box.

    Args:
        target: the network that the ticket equals.
        base: the random network.
        masks: the ticket's; only their shapes matter.

    Raises:
        InputError: it has more than `MAX_BASE_WEIGHTS` weights.
    """
    check_size(masks, MAX_BASE_WEIGHTS)
    everything = [full_rows(mask.shape, 0, mask.shape[0]) for mask in masks]
    return replace(prune(target, base, everything), name=f"base of {target.name}")


def network_file(network: Network) -> bytes:
    """Return the network in `certify.network/1`.

    Raises:
        InputError: it is larger than the reader takes.
    """
    data = write_network(network)
    if len(data) > MAX_BYTES:
        raise InputError(f"expected a network of at most {MAX_BYTES} bytes to write, found {len(data)}")
    return data
