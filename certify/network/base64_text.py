"""Base64 in its one form: no white space, padded, unused bits 0. Other texts could stand for the same bytes."""

from __future__ import annotations

import base64
import binascii

from certify.errors import InputError

_QUANTUM = 4


def decode_base64(text: str, place: str) -> bytes:
    """Return the bytes of canonical base64.

    Raises:
        InputError: any other text.
    """
    try:
        return _decode(text, text[-_QUANTUM:].encode("ascii"), place)
    except UnicodeEncodeError:
        raise InputError("expected base64", place) from None


def decode_base64_bytes(text: memoryview, place: str) -> bytes:
    """Return the bytes of canonical base64 in ASCII, without making a copy of it.

    Raises:
        InputError: any other bytes.
    """
    return _decode(text, bytes(text[-_QUANTUM:]), place)


def _decode(text: str | memoryview, last: bytes, place: str) -> bytes:
    """The last four characters alone may have bits to spare."""
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
        if len(text) != (len(data) + 2) // 3 * _QUANTUM:
            raise InputError("expected base64", place)
        again = base64.b64encode(binascii.a2b_base64(last, strict_mode=True))
    except (binascii.Error, ValueError):
        raise InputError("expected base64", place) from None
    if again != last:
        raise InputError("expected canonical base64, found unused bits that are not 0", place)
    return data
