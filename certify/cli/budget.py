"""What a proof may spend, as users say it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from certify.proof.prover import Budget

rlimit_option = click.option(
    "--rlimit",
    type=click.IntRange(1, 2**32 - 1),
    help="z3's steps for each question that goes down to the inputs; of a certificate the most that it may ask for.",
)


def budget_of(rlimit: int | None) -> Budget:
    """Return the budget with this limit; None keeps the default one."""
    from certify.proof.prover import Budget  # noqa: PLC0415 - z3 comes with it

    return Budget() if rlimit is None else Budget(remainder_rlimit=rlimit)
