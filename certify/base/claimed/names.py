"""Which array of a container a name means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from numpy.typing import NDArray

from certify.errors import InputError

Arrays: TypeAlias = Mapping[str, NDArray[Any]]
_SHOWN = 8


def find_array(arrays: Arrays, name: str) -> str:
    """Return the name itself.

    Raises:
        InputError: there is no array of this name.
    """
    if name not in arrays:
        raise InputError(f"expected an array of this name, found {_names(arrays)}", name)
    return name


def find_weights(arrays: Arrays, name: str) -> str:
    """Return the name of the array that holds the weights of this name.

    torch.nn.utils.prune keeps a pruned X as X_orig and X_mask, and a state dict then has no X. So `fc1.weight` is the
    array `fc1.weight` if there is one, else `fc1.weight_orig` if there are that and `fc1.weight_mask`.

    Raises:
        InputError: there is no such array.
    """
    original = f"{name}_orig"
    if name not in arrays and original in arrays and f"{name}_mask" in arrays:
        return original
    return find_array(arrays, name)


def mask_beside(arrays: Arrays, name: str) -> str | None:
    """Return X_mask for weights found as X_orig where there is such an array, else None."""
    mask = f"{name.removesuffix('_orig')}_mask"
    return mask if name.endswith("_orig") and mask in arrays else None


def _names(arrays: Arrays) -> str:
    names = sorted(arrays)
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + rest or "none"
