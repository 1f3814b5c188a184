"""numpy's .npz: a zip archive in which every member is a .npy file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from certify.errors import InputError
from certify.network.arrays.archive import Member
from certify.network.arrays.file import shorten
from certify.network.arrays.npy import read_npy

SUFFIX = ".npy"


def read_npz(members: Mapping[str, Member]) -> dict[str, NDArray[Any]]:
    """Return the arrays by the members' names without `.npy`.

    Raises:
        InputError: a member is something else.
    """
    for name in members:
        if not name.removesuffix(SUFFIX) or not name.endswith(SUFFIX):
            raise InputError(f"expected an archive of .npy files, found {shorten(name)}")
    return {name.removesuffix(SUFFIX): read_npy(member.read(), shorten(name)) for name, member in members.items()}
