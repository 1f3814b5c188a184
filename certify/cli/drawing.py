"""The options of a base network that is drawn from a seed, and of the ticket that is looked for in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

import click

from certify.base.activation import RELU, Activation, read_activation
from certify.base.law import MAX_PRECISION_BITS, Construction
from certify.errors import InputError

if TYPE_CHECKING:
    from certify.issue import Options
    from certify.ticket.goal import Objective

_Function = TypeVar("_Function", bound=Callable[..., Any])
PrecisionBits: TypeAlias = int | tuple[int, ...]
"""Of all layers with weights, or of each."""

_BITS = click.IntRange(0, MAX_PRECISION_BITS)
_MAX_KEPT = 1 << 10
OBJECTIVES = ("sparsest", "width", "first")
CONSTRUCTIONS: dict[str, Construction] = {"pairs": "theorem-1", "copies": "theorem-2", "binary": "binary"}


@dataclass(frozen=True)
class Drawing:
    """What is chosen about a base network that is drawn, and its ticket; nothing where a user has one.

    Attributes:
        seed: of the base network; None for 0.
        width: units in every input's block; None where blocks grow or units are shared out.
        precision: bits of its weights; None for the fewest.
        objective: what there should be little of; None for kept edges.
        kept: how many edges a weight keeps; None for any number.
        exactly: so many, and no fewer.
        construction: what stands for a layer, by its name on the command line; None for pairs.
        activation: of the base network's hidden units; None for ReLU.
    """

    seed: str | None = None
    width: int | None = None
    precision: PrecisionBits | None = None
    objective: Objective | None = None
    kept: int | None = None
    exactly: bool = False
    construction: str | None = None
    activation: Activation | None = None

    def check(self) -> None:
        """Check that what was chosen goes together.

        Raises:
            UsageError: it does not.
        """
        if self.objective == "width" and self.width is not None:
            raise click.UsageError("expected --width or --objective width, found both")
        if self.objective == "width" and self.construction == "copies":
            raise click.UsageError("expected another objective with --construction copies, found width")
        if self.activation is not None and self.construction == "copies":
            raise click.UsageError(
                "expected no --activation with --construction copies: its hidden units have a ReLU"
            )
        if self.construction == "binary" and self.precision is not None:
            raise click.UsageError("expected no --precision with --construction binary: its weights are ±1")
        if self.exactly and self.kept is None:
            raise click.UsageError("expected --kept-per-weight with --exactly: it says how many")
        if self.objective == "first" and self.kept is not None:
            raise click.UsageError("expected another objective with --kept-per-weight, found first")

    def options(self) -> Options:
        """Return the choices as the finder takes them."""
        from certify.issue import Options  # noqa: PLC0415 - what computes is loaded late
        from certify.ticket.goal import Goal  # noqa: PLC0415
        from solvers.subset_sum import ANY, Count  # noqa: PLC0415

        count = ANY if self.kept is None else Count(self.kept if self.exactly else 0, self.kept)
        goal = Goal(self.objective or "sparsest", count)
        construction = CONSTRUCTIONS[self.construction or "pairs"]
        seed, activation = "0" if self.seed is None else self.seed, self.activation or RELU
        return Options(seed, self.width, self.precision, goal, construction, activation)


def _read(context: click.Context, option: click.Parameter, text: str | None) -> PrecisionBits | None:
    """Return one number of bits alone, and several with commas between them as a tuple."""
    if text is None:
        return None
    parts: list[Any] = text.split(",")
    bits = tuple(int(_BITS.convert(part, option, context)) for part in parts)
    return bits if len(bits) > 1 else bits[0]


def _read_activation(_: click.Context, option: click.Parameter, name: str | None) -> Activation | None:
    if name is None:
        return None
    try:
        activation = read_activation(name)
    except InputError as error:
        raise click.BadParameter(error.problem, param=option) from None
    return None if activation == RELU else activation


def drawing_options(function: _Function) -> _Function:
    """Add the options of a drawn base network and its ticket; the command gets them as one `drawing`."""

    def command(
        seed: str | None,
        width: int | None,
        precision: PrecisionBits | None,
        objective: Objective | None,
        kept_per_weight: int | None,
        exactly: bool,
        construction: str | None,
        activation: Activation | None,
        **arguments: Any,
    ) -> Any:
        drawing = Drawing(seed, width, precision, objective, kept_per_weight, exactly, construction, activation)
        drawing.check()
        return function(drawing=drawing, **arguments)

    command.__doc__ = function.__doc__
    command.__name__ = function.__name__
    vars(command)["__click_params__"] = getattr(function, "__click_params__", [])
    options: list[Callable[[Any], Any]] = [
        click.option("--seed", help="Of the random base network; any text, 0 unless you say otherwise."),
        click.option(
            "--construction",
            type=click.Choice(tuple(CONSTRUCTIONS)),
            help="What stands for a layer: a pair of matrices (pairs, the default), one matrix that reads copies of "
            "neurons (copies), or a pair of signs (binary).",
        ),
        click.option(
            "--width",
            type=click.IntRange(1, 1 << 20),
            help="Units in every input's block, and copies of every neuron; else they grow.",
        ),
        click.option(
            "--precision",
            callback=_read,
            metavar="BITS[,BITS...]",
            help=f"Bits of the base's weights, 0 to {MAX_PRECISION_BITS}, of all layers or each; else the fewest.",
        ),
        click.option(
            "--objective",
            type=click.Choice(OBJECTIVES),
            help="What there should be little of: kept edges (sparsest, the default), hidden units, or search.",
        ),
        click.option("--kept-per-weight", type=click.IntRange(1, _MAX_KEPT), help="At most so many edges a weight."),
        click.option("--exactly", is_flag=True, help="With --kept-per-weight: so many, and no fewer."),
        click.option(
            "--activation",
            callback=_read_activation,
            metavar="relu|leaky_relu:A",
            help="Of the base's hidden units; a leaky ReLU has the slope 2^-A below 0.",
        ),
    ]
    decorated: Any = command
    for option in reversed(options):
        decorated = option(decorated)
    return cast("_Function", decorated)
