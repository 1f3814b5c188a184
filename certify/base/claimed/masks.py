"""Reading claimed masks, and base ⊙ mask.

Three things can be a mask: 0/1 arrays, scores with the fraction of them that stays, and the pruned network itself,
whose weights have to be the base's or 0 and all the rest the base's own. A layer has exactly one mask, unless the
layout says that it is unpruned, and every array of a mask file is one. Only a base that holds its masks itself may
have other arrays beside them: optimizers keep theirs there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from certify.base.claimed.files import BaseFiles, network_bytes
from certify.base.claimed.integers import to_bits
from certify.base.claimed.layout import Layer, default_name, read_layout
from certify.base.claimed.names import Arrays, find_weights, mask_beside
from certify.base.claimed.orientation import stored_shape, to_rows
from certify.base.claimed.scores import keep_highest
from certify.base.claimed.unchanged import masks_of
from certify.base.mask import Mask, from_bits
from certify.errors import FalseClaimError, InputError
from certify.network.arrays import File, read_arrays
from certify.network.arrays.file import shorten
from certify.network.matrix import Matrix
from certify.network.model import Linear, Network, Operator
from certify.network.reader import read_network

Plans: TypeAlias = Mapping[int, Layer]


def read_masks(source: BaseFiles, base: Network, mask_files: Sequence[File]) -> tuple[Mask, ...]:
    """Return the mask of every layer with weights of the base network, in order.

    Args:
        source: the files that the base network was read from.
        base: what `read_base` made of them.
        mask_files: a container of masks or scores, or a pruned network; none where the base's own files hold them.

    Raises:
        InputError: a file cannot be read, or does not say what its masks are.
        FalseClaimError: a mask is missing, one too many, has another shape than its weights or other elements than 0
            and 1; or a pruned network was changed but by pruning.
    """
    pruned_network = network_bytes(mask_files)
    if pruned_network is not None:
        return masks_of(base, read_network(pruned_network))
    plans = _plans(source, base)
    names, arrays = _in_mask_file(plans, mask_files) if mask_files else _in_base(plans, source)
    return tuple(
        _read_mask(arrays, name, plan, layer.weights.shape)
        for name, plan, layer in zip(names, plans.values(), base.linear, strict=True)
    )


def _plans(source: BaseFiles, base: Network) -> Plans:
    """Return what is said of every layer with weights, by its place in the network."""
    if source.layout is None:
        linear = (index for index, layer in enumerate(base.layers) if isinstance(layer, Linear))
        return {index: Layer(default_name(index)) for index in linear}
    read = enumerate(read_layout(source.layout, base))
    return {index: plan for index, plan in read if isinstance(plan, Layer)}


def pruned(base: Network, masks: Sequence[Mask]) -> Network:
    """Return base ⊙ mask, on the base's input: the kept weights are its entries, those that are 0 too.

    Args:
        base: a network.
        masks: one for each layer with weights, in order, of its weights' shape.
    """
    left = iter(masks)
    layers = [_masked(layer, next(left)) if isinstance(layer, Linear) else layer for layer in base.layers]
    assert not list(left)
    return replace(base, name=f"pruned {base.name}".rstrip(), layers=tuple(layers))


def _masked(layer: Linear, mask: Mask) -> Operator:
    assert mask.shape == layer.weights.shape
    kept = layer.weights.to_dense()[mask.rows(), mask.columns]
    return layer.replaced(weights=Matrix(mask.shape, mask.start, mask.columns, kept))


def _in_mask_file(plans: Plans, files: Sequence[File]) -> tuple[list[str | None], Arrays]:
    """The name of each layer's mask, None for an unpruned layer, and the arrays of the mask file."""
    arrays = read_arrays(files)
    names = [None if plan.unpruned else _named(plan) or default_name(index) for index, plan in plans.items()]
    for index, name in zip(plans, names, strict=True):
        if name is not None and name not in arrays:
            raise FalseClaimError(f"expected the mask of layers[{index}], found no array of this name", name)
    extra = next((name for name in arrays if name not in names), None)
    if extra is not None:
        raise FalseClaimError(
            "expected nothing but a mask for each layer, found one that no layer has", shorten(extra)
        )
    return names, arrays


def _in_base(plans: Plans, source: BaseFiles) -> tuple[list[str | None], Arrays]:
    """The name of each layer's mask, None for an unpruned layer, and the arrays of the base's own files."""
    if network_bytes(source.files) is not None:
        raise InputError("expected a mask file, as the base is a network and holds no masks")
    arrays = read_arrays(source.files)
    names = [None if plan.unpruned else _named(plan) or _beside(arrays, plan) for plan in plans.values()]
    found = dict(zip(plans, names, strict=True))
    missing = [index for index, plan in plans.items() if found[index] not in arrays and not plan.unpruned]
    if missing and not any(names):
        raise InputError("expected a mask file, or masks that the layout names or that stand beside weights X_orig")
    for index in missing:
        name = found[index] or plans[index].weights
        raise FalseClaimError(f"expected the mask of layers[{index}], found none", name)
    return names, arrays


def _beside(arrays: Arrays, plan: Layer) -> str | None:
    return mask_beside(arrays, find_weights(arrays, plan.weights))


def _named(plan: Layer) -> str | None:
    """The array in which the layout says a layer's mask is."""
    if not isinstance(plan.scores, msgspec.UnsetType):
        return plan.scores.array
    return None if isinstance(plan.mask, msgspec.UnsetType) else plan.mask


def _read_mask(arrays: Arrays, name: str | None, plan: Layer, shape: tuple[int, int]) -> Mask:
    if name is None:
        return from_bits(np.ones(shape, dtype=np.bool_))
    expected = stored_shape(plan, *shape)
    if arrays[name].shape != expected:
        raise FalseClaimError(f"expected the shape {expected}, as its weights have, found {arrays[name].shape}", name)
    bits = _bits(arrays[name], name, plan)
    return from_bits(to_rows(bits, plan))


def _bits(array: NDArray[Any], name: str, plan: Layer) -> NDArray[np.bool_]:
    if isinstance(plan.scores, msgspec.UnsetType):
        return to_bits(array, name)
    return keep_highest(array, plan.scores)
