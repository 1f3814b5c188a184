"""The options that say how models are read where their files leave it open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import click

from certify.errors import InputError
from certify.network.onnx.convert import InputGrid
from certify.network.onnx.model import is_onnx
from certify.network.rounding import RULES, Rule
from certify.network.target import Target, read_target
from certify.network.tflite import is_tflite

_Function = TypeVar("_Function", bound=Callable[..., None])


@dataclass(frozen=True)
class Reading:
    """How a model is read.

    Attributes:
        rule: how a model's kernels round; None takes what its format has.
        grid: the integers that the float input of an ONNX model stands on.
    """

    rule: Rule | None = None
    grid: InputGrid | None = None

    def target(self, data: bytes, beside: Sequence[bytes] = ()) -> Target:
        """Return the target that a file's bytes are.

        Args:
            data: the file.
            beside: files that are read with it; what is said of models goes to those among all of them, if any.

        Raises:
            InputError: as `read_target`.
            ReaderMissingError: as `read_target`.
        """
        models = [is_tflite(file) or is_onnx(file) for file in (data, *beside)]
        graphs = [is_onnx(file) for file in (data, *beside)]
        rule = self.rule if models[0] or not any(models) else None
        grid = self.grid if graphs[0] or not any(graphs) else None
        return read_target(data, rule, grid)


def _grid(_: click.Context, option: click.Parameter, text: str | None) -> InputGrid | None:
    try:
        return None if text is None else InputGrid.parse(text)
    except InputError as error:
        raise click.BadParameter(error.problem, param=option) from None


def reading_options(function: _Function) -> _Function:
    """Add --rule and --input-grid; the command gets them as one `reading`."""

    def command(rule: Rule | None, input_grid: InputGrid | None, **arguments: Any) -> Any:
        return function(reading=Reading(rule, input_grid), **arguments)

    command.__doc__ = function.__doc__
    command.__name__ = function.__name__
    vars(command)["__click_params__"] = getattr(function, "__click_params__", [])
    options: list[Callable[[Any], Any]] = [
        click.option(
            "--rule",
            type=click.Choice(RULES),
            help="How a model's kernels round; single for TFLite unless you say otherwise (docs/tflite.md).",
        ),
        click.option(
            "--input-grid",
            callback=_grid,
            metavar="SCALE:LOW..HIGH",
            help="What the float input of an ONNX model stands on, such as 1/255:0..255 (docs/onnx.md).",
        ),
    ]
    decorated: Any = command
    for option in reversed(options):
        decorated = option(decorated)
    return cast("_Function", decorated)
