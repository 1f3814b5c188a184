"""`certify audit --target T --base B`: a ticket that somebody claims, without a certificate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from certify.certificate.storage import read_capped
from certify.cli.budget import rlimit_option
from certify.cli.claimed import BaseOptions, base_options, read_given, read_given_masks
from certify.cli.crew import Workers
from certify.cli.deciding import Question, decided
from certify.cli.limit import limited
from certify.cli.output import FILE, Output, failed
from certify.cli.passphrase import passphrase_option
from certify.cli.reading import Reading, reading_options
from certify.cli.second_opinion import CrossCheck
from certify.cli.signing import Signing, check_signs, prepare, write_certificate
from certify.cli.targets import stem
from certify.errors import CertifyError
from certify.network.reader import MAX_BYTES
from certify.report.exit_codes import HOLDS
from certify.report.result import Result

_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class ClaimedTicket:
    """What somebody claims, and where its certificate goes.

    Attributes:
        target: the network that the ticket is said to be; None where certificates are audited.
        given: the base network.
        mask: the masks; None where the base network's own files hold them.
        seed: from which the base network is said to be drawn.
        reading: how a model is read.
        out: the certificate; None for none.
        key: of whoever signs it.
        passphrase_fd: a descriptor with that key's passphrase.
        rlimit: z3's steps for each question down to the inputs; None for the default.
    """

    target: Path | None
    given: BaseOptions
    mask: Path | None
    seed: str | None
    reading: Reading
    out: Path | None
    key: Path | None
    passphrase_fd: int | None
    rlimit: int | None

    def check(self) -> bool:
        """Return whether a ticket is claimed at all.

        Raises:
            UsageError: half of one is.
        """
        # Of a certificate --rlimit is the most that it may ask for.
        rlimit = self.rlimit
        nothing = ClaimedTicket(None, BaseOptions(None, None, None), None, None, Reading(), None, None, None, rlimit)
        if self == nothing:
            return False
        if self.target is None or self.given.base is None:
            raise click.UsageError("expected --target and --base for a ticket that somebody claims, found less")
        check_signs(self.out, self.key, self.passphrase_fd)
        return True

    def inputs(self) -> dict[str, Path]:
        """Return the files by what they are, for outputs not to replace."""
        named = {"the target": self.target, "the mask": self.mask}
        return {**self.given.inputs(), **{name: path for name, path in named.items() if path is not None}}

    def signing(self) -> Signing | None:
        """Return where the certificate goes, before any work; None where none is wanted.

        Raises:
            FileError: as for `prepare`.
        """
        return None if self.out is None else prepare(self.out, self.key, self.inputs(), self.passphrase_fd)


def ticket_options(function: _Function) -> _Function:
    """Add the options of a claimed ticket; the command gets them as one `claimed`."""

    def command(
        target: Path | None,
        given: BaseOptions,
        mask: Path | None,
        seed: str | None,
        reading: Reading,
        out: Path | None,
        key: Path | None,
        passphrase_fd: int | None,
        rlimit: int | None,
        **arguments: Any,
    ) -> Any:
        claimed = ClaimedTicket(target, given, mask, seed, reading, out, key, passphrase_fd, rlimit)
        return function(claimed=claimed, **arguments)

    command.__doc__ = function.__doc__
    vars(command)["__click_params__"] = getattr(function, "__click_params__", [])
    decorators: list[Callable[[Any], Any]] = [
        click.option("--target", type=FILE, help="The network that a ticket is said to be."),
        base_options,
        click.option(
            "--mask", type=FILE, help="The masks: a file, or a folder of .npy files; else the base has them."
        ),
        click.option("--seed", help="Check that every weight of the base network is this seed's."),
        reading_options,
        click.option("-o", "--output", "out", type=FILE, help="With --target: write a signed certificate."),
        click.option("--key", type=FILE, help="With -o: a private key; else the user's own."),
        passphrase_option,
        rlimit_option,
    ]
    decorated: Any = command
    for decorator in reversed(decorators):
        decorated = decorator(decorated)
    return cast("_Function", decorated)


def audit_ticket(
    claimed: ClaimedTicket, workers: Workers, asked: CrossCheck, time_limit: float | None, output: Output
) -> Result:
    """Return what an audit of a claimed ticket found, after writing the certificate if there is to be one."""
    monitor, target = output.monitor(), claimed.target
    assert target is not None
    assert claimed.given.base is not None
    try:
        asked.check()
        file = claimed.reading.target(read_capped(target, MAX_BYTES, "a target network"))
        signing = claimed.signing()
        with monitor.phase("reading"):
            source, base = read_given(claimed.given, claimed.seed, file.network)
            masks = read_given_masks(source, base, claimed.mask, claimed.given.base)
        # What computes is loaded only now: a bad file is answered at once.
        from certify.certificate.equivalence import PrunedBase, check_names  # noqa: PLC0415
        from certify.issue import of_pruned  # noqa: PLC0415

        subject = of_pruned(target.name, file, PrunedBase.of(source, base, masks))
        if signing is not None:
            check_names(subject)
        named = claimed.out or Path(f"{stem(target)}.audit.json")
        question = Question("audit", subject, claimed.rlimit, workers, asked, named, output)
        result, payload = limited(time_limit, decided, question)
        result = replace(result, timings={**monitor.timings, **result.timings})
        if signing is not None and result.exit_code == HOLDS:
            write_certificate(signing, payload, output)
            result = replace(result, certificate=str(signing.out))
    except CertifyError as error:
        result = replace(failed("audit", error, str(target), monitor.timings), certificate="")
    return result
