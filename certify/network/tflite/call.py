"""What an operator's reader is given: its operands, checked as it asks for them, and a place for what it makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from certify.errors import InputError
from certify.network.operators import Operator, Reshape
from certify.network.operators.operator import Shape
from certify.network.rounding import Rule
from certify.network.steps import Step
from certify.network.tflite.graph import Build, Form, Graph, Node
from certify.network.tflite.model import Model, Tensor
from certify.network.tflite.model import Operator as ModelOperator
from certify.network.tflite.operands import Activation, activation, dense_tensor
from certify.network.tflite.shapes import Folded, read_constant


@dataclass(frozen=True)
class Value:
    """An int8 activation, and the node that gives its elements, in whatever shape."""

    node: int
    activation: Activation

    @property
    def tensor(self) -> Tensor:
        """The tensor."""
        return self.activation.tensor

    @property
    def shape(self) -> Shape:
        """The tensor's shape, without a leading batch of one."""
        return own_shape(self.tensor)


@dataclass(frozen=True)
class State:
    """What the operators so far have written.

    Attributes:
        model: the file.
        rule: of requantization.
        graph: the nodes.
        values: the int8 activations, by tensor.
        folded: what operators on shapes have computed, by tensor.
        unread: the activations that nothing has read so far.
        readers: how many operands of the whole model each tensor is, operators that only ask for its shape left out.
        shared: the nodes that more than one operand is, or the model's output.
    """

    model: Model
    rule: Rule
    graph: Graph
    values: dict[int, Value]
    folded: dict[int, Folded]
    unread: set[int]
    readers: Mapping[int, int]
    shared: set[int]

    def tensor(self, index: int) -> Tensor:
        """Return a tensor.

        Raises:
            InputError: an operand that was left out, or none that is read.
        """
        if index < 0:
            raise InputError("expected a tensor, found an operand left out")
        return dense_tensor(self.model.tensors[index])


@dataclass(frozen=True)
class Call:
    """One operator of the model, as its reader sees it."""

    state: State
    operator: ModelOperator
    output: int

    @property
    def options(self) -> Any:
        """The operator's options."""
        return self.operator.options

    @property
    def rule(self) -> Rule:
        """The rule of requantization."""
        return self.state.rule

    @property
    def target(self) -> Tensor:
        """The tensor that the operator writes."""
        return self.state.tensor(self.output)

    def operands(self, least: int, most: int, expected: str) -> tuple[int, ...]:
        """Return the operator's inputs, without one that was left out at the end.

        Raises:
            InputError: there are fewer or more.
        """
        inputs = self.operator.inputs
        present = inputs[:-1] if inputs and inputs[-1] == -1 else inputs
        if len(inputs) > most or len(present) < least:
            raise InputError(f"expected {expected}, found {list(inputs)}")
        return present

    def value(self, index: int) -> Value:
        """Return an operand that an operator before this one wrote, or the model's own input.

        Raises:
            InputError: it is something else.
        """
        tensor = self.state.tensor(index)
        if index not in self.state.values:
            if index == self.state.model.input:
                raise InputError(f"expected an int8 input, or QUANTIZE first, found {tensor.dtype}", tensor.shown)
            if tensor.data is not None:
                activation(tensor)
            raise InputError("expected an activation that was written before", tensor.shown)
        self.state.unread.discard(index)
        return self.state.values[index]

    def constant(self, index: int) -> Tensor:
        """Return an operand that is a tensor of any kind."""
        return self.state.tensor(index)

    def integers(self, index: int) -> Folded:
        """Return a constant of few integers, also one that operators on shapes have computed.

        Raises:
            InputError: it is something else.
        """
        return self.state.folded[index] if index in self.state.folded else read_constant(self.state.tensor(index))

    def result(self) -> Activation:
        """Return the tensor that the operator writes, as an int8 activation."""
        return activation(self.target)

    def same_result(self, source: Activation) -> Activation:
        """Return it, where scale and zero point have to be the input's.

        Raises:
            InputError: they are not.
        """
        found = self.result()
        if (found.scale, found.zero_point) != (source.scale, source.zero_point):
            problem = f"expected the input's scale and zero point, {source.scale} and {source.zero_point}"
            raise InputError(f"{problem}, found {found.scale} and {found.zero_point}", self.target.shown)
        return found

    def apply(self, index: int, steps: Sequence[Step], *, rename: bool = True) -> None:
        """Write what steps make of every q of an operand: of the layer before, where nothing else reads that.

        Args:
            index: the operand.
            steps: from its q to the written tensor's.
            rename: whether the layer before is named after the written tensor from now on.
        """
        value, written = self.value(index), self.result()
        name, alone = self.target.name, value.node not in self.state.shared
        if alone and self.state.graph.extend(value.node, steps, written.zero_point, name if rename else None):
            self._write(value.node, written)
            return
        shape = value.shape
        self.compute([(value, shape)], shape, lambda: Reshape(shape, tuple(steps), name), reads="stored")

    def compute(
        self,
        sources: Sequence[tuple[Value, Shape | None]],
        shape: Shape,
        build: Callable[[], Any],
        *,
        reads: Form = "centred",
        factor: float = 0.0,
    ) -> None:
        """Write what a layer computes: `build` gives it, ending at q.

        Args:
            sources: what it reads, and in which shape; None where the shape does not matter.
            shape: of what it gives.
            build: the layer, without sources.
            reads: the form that it computes with.
            factor: as `Node` has it.
        """
        self._add(sources, shape, lambda _: build(), reads, factor)

    def move(self, sources: Sequence[tuple[Value, Shape | None]], shape: Shape, build: Build) -> None:
        """Write elements in other places: `build` gives the layer, from the zero point that they have in them."""
        self._add(sources, shape, build, None, 0.0)

    def moved(self, value: Value, shape: Shape, moved: Shape, layer: Operator) -> Value:
        """Return an activation in other places, by a layer from one shape to the other; no tensor is written."""
        graph = self.state.graph
        node = Node((graph.shaped(value.node, shape),), moved, value.activation.zero_point, lambda _: layer, None)
        return Value(graph.add(node), value.activation)

    def alias(self, value: Value) -> None:
        """Write the same elements, in the shape of the tensor that is written."""
        self._write(value.node, self.same_result(value.activation))

    def _add(
        self,
        sources: Sequence[tuple[Value, Shape | None]],
        shape: Shape,
        build: Build,
        reads: Form | None,
        factor: float,
    ) -> None:
        graph, written = self.state.graph, self.result()
        places = [value.node if own is None else graph.shaped(value.node, own) for value, own in sources]
        self._write(graph.add(Node(tuple(places), shape, written.zero_point, build, reads, factor)), written)

    def _write(self, node: int, written: Activation) -> None:
        self.state.values[self.output] = Value(node, written)
        self.state.unread.add(self.output)
        if self.state.readers[self.output] > 1 or self.output == self.state.model.output:
            self.state.shared.add(node)


Reader: TypeAlias = Callable[[Call], None]


def own_shape(tensor: Tensor) -> Shape:
    """Return a tensor's shape without a leading batch of one; a scalar has one element."""
    shape = tensor.shape
    return shape[1:] if len(shape) > 1 and shape[0] == 1 else shape or (1,)
