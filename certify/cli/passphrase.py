"""Passphrases: from a terminal that does not show them, or from a descriptor; never from arguments or the
environment, which others on the same machine can read.

They are asked for before any work. A descriptor is read byte by byte up to its first line end, so that what follows
is left to whoever else reads it.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from certify.errors import InputError, printable

_MAX_BYTES = 1024
DESCRIPTOR = click.IntRange(0, 2**31 - 1)

passphrase_option: Callable[[Any], Any] = click.option(
    "--passphrase-fd",
    type=DESCRIPTOR,
    metavar="N",
    help="Of an encrypted key: read the passphrase from this descriptor; else a terminal asks for it.",
)


@dataclass(frozen=True)
class Passphrase:
    """Where passphrases come from.

    Attributes:
        descriptor: an open one; None for the terminal.
    """

    descriptor: int | None = None

    def of(self, path: Path) -> bytes:
        """Return the passphrase of the key in a file.

        Raises:
            InputError: there is none to be had, or it is empty.
        """
        if self.descriptor is not None:
            return _read_line(self.descriptor)
        expected = "an encrypted key's passphrase from a terminal or --passphrase-fd N"
        return _ask(f"Passphrase of {printable(str(path))}: ", expected)

    def new(self) -> bytes:
        """Return the passphrase of a key that is to be made, from a terminal twice.

        Raises:
            InputError: there is none to be had, it is empty, or the two differ.
        """
        if self.descriptor is not None:
            return _read_line(self.descriptor)
        expected = "a passphrase from a terminal (--passphrase) or a descriptor (--passphrase-fd N)"
        first = _ask("Passphrase of the new key: ", expected)
        if _ask("The same once more: ", expected) != first:
            raise InputError("expected the same passphrase twice, found two")
        return first


def _read_line(descriptor: int) -> bytes:
    """Return what a descriptor has up to its first line end, without that."""
    line = bytearray()
    try:
        while (byte := os.read(descriptor, 1)) not in (b"", b"\n"):
            line += byte
            if len(line) > _MAX_BYTES:
                raise InputError(
                    f"expected a passphrase of at most {_MAX_BYTES} bytes, found more", "--passphrase-fd"
                )
    except OSError as error:
        found = f"one that cannot be read: {error.strerror}"
        raise InputError(f"expected an open descriptor, found {found}", "--passphrase-fd") from None
    return _not_empty(bytes(line).removesuffix(b"\r"), "--passphrase-fd")


def _ask(prompt: str, expected: str) -> bytes:
    if not _has_terminal():
        raise InputError(f"expected {expected}, found no terminal")
    try:
        return _not_empty(getpass.getpass(prompt).encode("utf-8", "surrogateescape"), "passphrase")
    except EOFError:
        raise InputError(f"expected {expected}, found its end") from None


def _has_terminal() -> bool:
    """Whether there is somebody to ask; `getpass` would otherwise read stdin, and show what it reads."""
    with contextlib.suppress(OSError):
        os.close(os.open("/dev/tty", os.O_RDWR | getattr(os, "O_NOCTTY", 0)))
        return True
    return sys.stdin is not None and sys.stdin.isatty()


def _not_empty(passphrase: bytes, place: str) -> bytes:
    if not passphrase:
        raise InputError("expected a passphrase, found an empty one", place)
    return passphrase
