"""Which file an error is about, where that is not the one the command was given to work on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from certify.errors import FalseClaimError, InputError


class FileError(InputError):
    """What is wrong with a key, a file of trusted keys, a base network, a box or an output.

    Attributes:
        file: which.
    """

    def __init__(self, file: Path, error: InputError) -> None:
        super().__init__(error.problem, error.place)
        self.file = str(file)


class FalseClaimInFileError(FileError, FalseClaimError):
    """What is false in a file that somebody's claim consists of."""


@contextmanager
def about(file: Path) -> Iterator[None]:
    """Have every InputError inside name this file.

    Raises:
        FileError: in its stead; a FalseClaimInFileError for a FalseClaimError.
    """
    try:
        yield
    except FalseClaimError as error:
        raise FalseClaimInFileError(file, error) from None
    except InputError as error:
        raise FileError(file, error) from None
