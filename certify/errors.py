"""The errors of this house. Each names what was expected and what was found, and where.

Only the command line turns them into exit codes; `certify.report.outcome` holds that table.
"""

from __future__ import annotations


class CertifyError(Exception):
    """The root of all errors that a caller of `certify` may expect."""


class InputError(CertifyError):
    """What was handed in cannot be used.

    Attributes:
        place: where in the input, such as `layers[1].weights[3][0]`; empty for the whole of it.
        problem: what was expected there, and what was found.
    """

    def __init__(self, problem: str, place: str = "") -> None:
        super().__init__(f"{place}: {problem}" if place else problem)
        self.place = place
        self.problem = problem


class InvalidCertificateError(InputError):
    """A certificate breaks a rule of its format, or claims what does not hold."""


class TicketNotFoundError(CertifyError):
    """The base network holds no ticket for this target under the options given."""


class DisagreementError(CertifyError):
    """Two ways to decide the same question gave different answers: a defect of this program."""
