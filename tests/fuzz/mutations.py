"""Changes to bytes that readers get wrong: of bytes, of binary integers, of JSON values, of what base64 holds.

Everything is drawn from a `random.Random` that the driver hands in: hypothesis has one that it can shrink, and the
coverage-guided driver gives a seed.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from typing import Any

MAX_LENGTH = 1 << 18
_ENDS = [0, 1, 2, 3, 4, 7, 8, 127, 128, 255, 256, 2**15 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1]
_TEXTS = ["", "0", "-1", "1e5", "\u0000", "\ud800", "ä", "SHA256:", "=" * 4, "A" * 43, "certify.network/1", "grown"]
_NUMBERS = [
    0,
    1,
    -1,
    2,
    60,
    61,
    62,
    63,
    64,
    127,
    -128,
    2**24,
    2**24 + 1,
    2**31,
    2**53,
    -(2**53),
    2**63 - 1,
    -(2**63),
    2**64,
]


def damage(data: bytes, rng: random.Random) -> bytes:
    """Change bytes in one to four places, knowing nothing of what they mean."""
    found = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        rng.choice(_DAMAGES)(found, rng)
    return bytes(found[:MAX_LENGTH])


def _overwrite(data: bytearray, rng: random.Random) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.randrange(256)


def _flip(data: bytearray, rng: random.Random) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _insert(data: bytearray, rng: random.Random) -> None:
    at = rng.randint(0, len(data))
    data[at:at] = rng.randbytes(rng.randint(1, 8))


def _delete(data: bytearray, rng: random.Random) -> None:
    at = rng.randint(0, len(data))
    del data[at : at + rng.randint(1, 16)]


def _truncate(data: bytearray, rng: random.Random) -> None:
    del data[rng.randint(0, len(data)) :]


def _duplicate(data: bytearray, rng: random.Random) -> None:
    start = rng.randint(0, len(data))
    piece = data[start : start + rng.choice([1, 8, 64, 512])]
    at = rng.randint(0, len(data))
    data[at:at] = piece * rng.choice([1, 1, 2, 16])


def _integer(data: bytearray, rng: random.Random) -> None:
    """A little-endian integer becomes another, a little different or at the end of some range."""
    width = rng.choice([1, 2, 4, 8])
    if len(data) < width:
        return
    at = rng.randrange(len(data) - width + 1)
    at -= at % width if rng.random() < 0.8 else 0
    before = int.from_bytes(data[at : at + width], "little")
    after = rng.choice([before + rng.randint(-16, 16), rng.choice(_ENDS), -rng.choice(_ENDS), before * 2])
    data[at : at + width] = (after % (1 << 8 * width)).to_bytes(width, "little")


_DAMAGES = [_overwrite, _flip, _insert, _delete, _truncate, _duplicate, _integer, _integer]


def edit_json(data: bytes, rng: random.Random) -> bytes:
    """Change a value of the document, or bytes where there is none."""
    if rng.random() < 0.2:
        return damage(data, rng)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return damage(data, rng)
    for _ in range(rng.randint(1, 3)):
        document = _edit(document, rng)
    return _write(document, rng)[:MAX_LENGTH]


def _write(document: Any, rng: random.Random) -> bytes:
    separators = (",", ":") if rng.random() < 0.9 else (" , ", "\t:\n")
    text = json.dumps(document, ensure_ascii=rng.random() < 0.1, sort_keys=True, separators=separators)
    return text.encode("utf-8", "surrogatepass") + rng.choice([b"", b"", b"\n"])


def _edit(document: Any, rng: random.Random) -> Any:
    """Change one node, reached by going down at random."""
    if not isinstance(document, dict | list) or not document or rng.random() < 0.1:
        return _value(document, rng)
    key = rng.choice(sorted(document)) if isinstance(document, dict) else rng.randrange(len(document))
    match rng.randrange(8):
        case 0:
            del document[key]
        case 1 if isinstance(document, list):
            document[key:key] = [document[rng.randrange(len(document))]] * rng.choice([1, 1, 2, 30])
        case 1:
            document[rng.choice([key.upper(), key + " ", "", "name", "then"])] = document[key]
        case 2:
            other = rng.choice(sorted(document)) if isinstance(document, dict) else rng.randrange(len(document))
            document[key] = document[other]
        case _:
            document[key] = _edit(document[key], rng)
    return document


def _value(node: Any, rng: random.Random) -> Any:
    """A value to stand in the place of `node`, most often of its own type."""
    if isinstance(node, bool) or node is None or rng.random() < 0.1:
        return rng.choice([None, True, [], {}, 1.5, "", 0, [[]], [node], {"": node}])
    if isinstance(node, int):
        return rng.choice([node + rng.randint(-3, 3), -node, node * 2, rng.choice(_NUMBERS), rng.randint(-200, 200)])
    if isinstance(node, str):
        return _text(node, rng)
    return rng.choice([[], {}, [node], node])


def _text(text: str, rng: random.Random) -> str:
    inside = _base64(text) if len(text) >= 8 else None
    if inside is not None and rng.random() < 0.8:
        change: Callable[[bytes, random.Random], bytes] = edit_json if inside[:1] == b"{" else damage
        return base64.b64encode(change(inside, rng)).decode()
    if rng.random() < 0.5:
        return rng.choice(_TEXTS)
    return damage(text.encode("utf-8", "surrogatepass"), rng).decode("latin-1")


def _base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None
