"""Writing to stdout, which can be closed, full, or read by nobody any more."""

from __future__ import annotations

import sys

import click


def write(text: str) -> bool:
    """Write text, if there is any, to stdout; return whether that worked, after saying why not."""
    if not text:
        return True
    if sys.stdout is None:
        click.echo("certify: the result cannot be written: stdout is closed", err=True)
        return False
    try:
        click.echo(text)
        sys.stdout.flush()
    except OSError as error:
        click.echo(f"certify: the result cannot be written: {error.strerror}", err=True)
        _give_up()
        return False
    return True


def flushed() -> bool:
    """Write out what stdout still holds; return whether that worked."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        _give_up()
        return False
    return True


def _give_up() -> None:
    """Leave nothing to flush at exit, where a second error could not be caught."""
    sys.stdout = None
