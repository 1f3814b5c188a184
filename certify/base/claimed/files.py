"""The files of a claimed base network, as their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from certify.network.arrays import File

_WHITE_SPACE = b" \t\r\n"
_LENGTH_BYTES = 8


@dataclass(frozen=True, eq=False)
class BaseFiles:
    """A base network as somebody hands it in.

    Attributes:
        files: one file that is a network in `certify.network/1`, or a container of arrays that the layout explains.
        layout: `certify.layout/1`, or a network in `certify.network/1` whose sizes, steps and precisions apply.
        round_to: bits; floats that are no multiples of their layer's 2^-round_to are rounded to one, half-even.
        seed: every weight has to be this seed's (`certify/base-network/1`, drawn at its layer's precision_bits).
    """

    files: tuple[File, ...]
    layout: File | None = None
    round_to: int | None = None
    seed: str | None = None


def network_bytes(files: Sequence[File]) -> bytes | None:
    """Return the bytes of the one file that is a JSON object, so a network; None for a container of arrays.

    No container begins like that: a safetensors file may have an opening brace in the length that it starts with, but
    that length has zero bytes too, which JSON has not.
    """
    if len(files) != 1:
        return None
    data = files[0].data
    opens = data[:4096].lstrip(_WHITE_SPACE).startswith(b"{")
    return data if opens and b"\0" not in data[:_LENGTH_BYTES] else None
