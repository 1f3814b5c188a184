"""The errors of this house. Each names what was expected and what was found, and where.

Only the command line turns them into exit codes; `certify.report.result` holds that table.
"""

from __future__ import annotations

_MOST = 4000


def printable(text: str) -> str:
    """Return the text in one line, with escapes for what a terminal or a log would take for something else."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _shorten(text: str) -> str:
    """Return what of an error's text anybody reads, should it hold a whole file."""
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"


class CertifyError(Exception):
    """The root of all errors that a caller of `certify` may expect."""


class InputError(CertifyError):
    """What was handed in cannot be used.

    Attributes:
        place: where in the input, such as `layers[1].weights[3][0]`; empty for the whole of it.
        problem: what was expected there, and what was found; one line, whatever the input was.
    """

    def __init__(self, problem: str, place: str = "") -> None:
        self.place = printable(_shorten(place))
        self.problem = printable(_shorten(problem))
        super().__init__(f"{self.place}: {self.problem}" if place else self.problem)

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str]]:
        """Come whole out of a worker process."""
        return type(self), (self.problem, self.place)


class InvalidCertificateError(InputError):
    """A certificate breaks a rule of its format, or claims what does not hold."""


class FalseClaimError(InputError):
    """What somebody claims of a ticket is false at first sight: a mask that is none, a weight that was changed."""


class TicketNotFoundError(CertifyError):
    """The base network holds no ticket for this target under the options given."""


class DisagreementError(CertifyError):
    """Two ways to decide the same question gave different answers: a defect of this program."""


class WorkLostError(CertifyError):
    """Whoever was to do an item of work died or is gone: what it was to decide is not decided."""


class TimeLimitError(CertifyError):
    """The time that a user gave a run is over: what it was to decide is not decided."""


class ReaderMissingError(CertifyError):
    """A model cannot be read because a package that is an extra is not installed.

    Attributes:
        package: what could not be imported.
        extra: the extra of `certify` that brings it.
    """

    def __init__(self, package: str, extra: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(f"expected the package {package} to be installed: pip install 'certify[{extra}]'")

    def __reduce__(self) -> tuple[type[ReaderMissingError], tuple[str, str]]:
        """Come whole out of a worker process."""
        return type(self), (self.package, self.extra)
