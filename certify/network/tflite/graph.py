"""From operators of a model to layers of a network: which integers each tensor has, and in which order they come.

An int8 tensor holds q, and most operators compute with x = q - zero point; some, such as an average, round q itself.
So every node gives its tensor either centred, as x, or stored, as q, whichever its readers want, and a node that only
moves elements gives what it was given. Where both are wanted, a reshape to the same shape adds the zero point again.
The network's input is centred, and its output stored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from certify.errors import InputError
from certify.network.operators import INPUT, Operator, Reshape
from certify.network.operators.operator import Shape
from certify.network.steps import Offset, Step

Form: TypeAlias = Literal["centred", "stored"]
Build: TypeAlias = Callable[[int], Operator]
"""The layer, from the zero point that its integers still have in them: 0 where they are centred."""

MAX_ELEMENTS = 2**22
MAX_TOTAL_ELEMENTS = 2**24


@dataclass(frozen=True)
class Node:
    """One operator.

    Attributes:
        sources: the nodes that it reads.
        shape: of what it gives.
        zero_point: of what it gives.
        build: the layer, without sources. One that computes ends at q; one that moves gives the form that it reads.
        reads: the form that it computes with; None for one that moves.
        factor: the largest factor between its accumulators and q, for one with weights; else 0.
        steps: more steps, on q.
        name: instead of the layer's own.
    """

    sources: tuple[int, ...]
    shape: Shape
    zero_point: int
    build: Build
    reads: Form | None
    factor: float = 0.0
    steps: tuple[Step, ...] = ()
    name: str | None = None


class Graph:
    """The nodes so far, and what the network's input is."""

    def __init__(self, shape: Shape, zero_point: int) -> None:
        self._nodes: list[Node] = []
        self._input = shape, zero_point
        self._reshaped: dict[tuple[int, Shape], int] = {}
        self._room = MAX_TOTAL_ELEMENTS - elements(shape)

    def add(self, node: Node) -> int:
        """Return the place of one more node.

        Raises:
            InputError: the tensors are too large; no place.
        """
        self._room -= elements(node.shape)
        if self._room < 0:
            raise InputError(f"expected at most {MAX_TOTAL_ELEMENTS} elements in all tensors, found more")
        self._nodes.append(node)
        return len(self._nodes) - 1

    def shape(self, node: int) -> Shape:
        """Return the shape of what a node gives."""
        return self._input[0] if node == INPUT else self._nodes[node].shape

    def zero_point(self, node: int) -> int:
        """Return the zero point of what a node gives."""
        return self._input[1] if node == INPUT else self._nodes[node].zero_point

    def shaped(self, node: int, shape: Shape) -> int:
        """Return a node that gives the same elements in this shape."""
        if self.shape(node) == shape:
            return node
        if (node, shape) not in self._reshaped:
            moved = Node((node,), shape, self.zero_point(node), lambda _: Reshape(shape), None)
            self._reshaped[node, shape] = self.add(moved)
        return self._reshaped[node, shape]

    def extend(self, node: int, steps: Sequence[Step], zero_point: int, name: str | None) -> bool:
        """Add steps on q to a node that computes, which then gives another tensor; tell whether it does."""
        if node == INPUT or self._nodes[node].reads is None:
            return False
        before = self._nodes[node]
        self._nodes[node] = replace(
            before, steps=(*before.steps, *steps), zero_point=zero_point, name=before.name if name is None else name
        )
        return True

    def layers(self, output: int) -> tuple[tuple[Operator, ...], dict[int, float]]:
        """Return the network's layers, and the factor of each that has weights, by its index."""
        forms = self._forms(output)
        layers: list[Operator] = []
        places: dict[tuple[int, Form], int] = {(INPUT, "centred"): INPUT}
        factors: dict[int, float] = {}
        for index, node in enumerate(self._nodes):
            if not forms[index]:
                continue
            given: Form = "stored" if forms[index] == {"stored"} else "centred"
            sources = [self._place(source, node.reads or given, places, layers) for source in node.sources]
            layer = _finished(node, node.zero_point if node.reads is None and given == "stored" else 0)
            if node.reads is not None and given == "centred":
                layer = _stepped(layer, Offset(-node.zero_point))
            factors |= {len(layers): node.factor} if node.factor else {}
            places[index, given] = len(layers)
            layers.append(_reading(layer, sources, len(layers)))
        return tuple(layers), factors

    def _forms(self, output: int) -> list[set[Form]]:
        """Return in which forms the readers of every node want what it gives."""
        wanted: list[set[Form]] = [set() for _ in self._nodes]
        wanted[output].add("stored")
        for index in range(len(self._nodes) - 1, -1, -1):
            node, forms = self._nodes[index], wanted[index]
            if forms:
                moved: Form = "stored" if forms == {"stored"} else "centred"
                for source in node.sources:
                    if source != INPUT:
                        wanted[source].add(node.reads or moved)
        return wanted

    def _place(self, source: int, form: Form, places: dict[tuple[int, Form], int], layers: list[Operator]) -> int:
        """Return the layer that gives a node in one form; one more where only the other is there."""
        if (source, form) not in places:
            assert form == "stored"
            again = Reshape(self.shape(source), (Offset(self.zero_point(source)),))
            places[source, form] = len(layers)
            layers.append(_reading(again, [places[source, "centred"]], len(layers)))
        return places[source, form]


def elements(shape: Shape) -> int:
    """Return how many elements a shape has.

    Raises:
        InputError: more than are read; no place.
    """
    found = math.prod(shape)
    if found > MAX_ELEMENTS:
        raise InputError(f"expected at most {MAX_ELEMENTS} elements in a tensor, found {list(shape)}")
    return found


def _finished(node: Node, zero: int) -> Operator:
    """Return a node's layer, from the zero point that its integers still have in them."""
    layer = node.build(zero)
    named = layer if node.name is None else replace(layer, name=node.name)  # type: ignore[type-var]
    return _stepped(named, *node.steps) if node.steps else named


def _stepped(layer: Operator, *steps: Step) -> Operator:
    return replace(layer, steps=(*layer.steps, *steps))  # type: ignore[type-var]


def _reading(layer: Operator, sources: Sequence[int], index: int) -> Operator:
    """Return the layer with what it reads; one that reads the layer before alone needs no naming."""
    if list(sources) == [index - 1]:
        return layer
    return replace(layer, sources=tuple(sources))  # type: ignore[type-var]
