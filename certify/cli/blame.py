"""Which file an error is about, where that is not the one the command was given to work on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from certify.errors import InputError


class FileError(InputError):
    """What is wrong with a key, a file of trusted keys or an output.

    Attributes:
        file: which.
    """

    def __init__(self, file: Path, error: InputError) -> None:
        super().__init__(error.problem, error.place)
        self.file = str(file)


@contextmanager
def about(file: Path) -> Iterator[None]:
    """Have every InputError inside name this file.

    Raises:
        FileError: in its stead.
    """
    try:
        yield
    except InputError as error:
        raise FileError(file, error) from None
