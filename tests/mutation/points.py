"""The mutants of one module: cosmic-ray's operators at every place where a change has a meaning.

Left out are places where no program can tell the difference, or only a reader of messages could: annotations of
parameters, results and local variables; `|` between types in a class body; the wording of errors (the first argument
of an exception that is raised, and text that is given to a variable of a name such as `problem`); what stands under
TYPE_CHECKING; decorators that only make a function faster. What Python cannot compile is no mutant, and two mutants
that read the same are one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import parso
from cosmic_ray.ast import Visitor, get_ast
from cosmic_ray.mutating import MutationVisitor
from cosmic_ray.operators.operator import Operator
from cosmic_ray.operators.provider import OperatorProvider

Node = Any  # parso's nodes; the library ships no types for their attributes.


@dataclass(frozen=True)
class Mutant:
    """One changed module.

    Attributes:
        module: its path below the repository.
        operator: what changed it, by its name.
        occurrence: which of the places in the module where the operator applies, from 0.
        line: where, from 1.
        scope: the class or function around it.
        before: the line as it was.
        after: the first line that differs.
        source: the module's whole text.
    """

    module: str
    operator: str
    occurrence: int
    line: int
    scope: str
    before: str
    after: str
    source: str

    @property
    def name(self) -> tuple[str, str, int]:
        """What tells it from every other mutant of the same sources."""
        return self.module, self.operator, self.occurrence


class RemoveStatement(Operator):
    """Put `pass` for a call, a raise, an assert, an augmented assignment or one to an element or attribute."""

    def mutation_positions(self, node: Node) -> Iterator[tuple[Any, Any]]:
        if node.type == "simple_stmt" and _acts(node.children[0]):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Node, index: int) -> Node:
        assert index == 0
        first = node.get_first_leaf()
        node.children[0] = parso.python.tree.Name("pass", first.start_pos, prefix=first.prefix)
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


def _acts(statement: Node) -> bool:
    if statement.type in ("raise_stmt", "assert_stmt"):
        return True
    if statement.type == "atom_expr":
        return bool(statement.children[-1].type == "trailer" and statement.children[-1].children[0].value == "(")
    if statement.type != "expr_stmt":
        return False
    target, operator = statement.children[0], statement.children[1]
    return getattr(operator, "value", "=") != "=" or target.type == "atom_expr"


class ReplaceText(Operator):
    """Put XX before what a string literal holds; docstrings are none."""

    def mutation_positions(self, node: Node) -> Iterator[tuple[Any, Any]]:
        literal = node.type == "string" and node.parent.type not in ("simple_stmt", "strings")
        if literal or node.type == "fstring_string":
            yield node.start_pos, node.end_pos

    def mutate(self, node: Node, index: int) -> Node:
        assert index == 0
        at = 0 if node.type == "fstring_string" else _start_of_text(node.value)
        node.value = f"{node.value[:at]}XX{node.value[at:]}"
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


def _start_of_text(literal: str) -> int:
    quote = min(literal.find(mark) for mark in "\"'" if mark in literal)
    return quote + (3 if literal[quote : quote + 3] in ('"""', "'''") else 1)


_OURS = {"RemoveStatement": RemoveStatement, "ReplaceText": ReplaceText}


class _Places(Visitor):
    """Every node at which an operator applies, in the order in which cosmic-ray counts them."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        self.nodes: list[Node] = []

    def visit(self, node: Node) -> Node:
        self.nodes += [node for _ in self.operator.mutation_positions(node)]
        return node


@dataclass(frozen=True)
class Choice:
    """What config.toml says of mutants.

    Attributes:
        cosmic_ray: names of operators, cosmic-ray's.
        ours: names of operators, this module's.
        decorators_for_speed: without one of these a function computes the same.
        names_of_wording: text that a variable of such a name is given goes into a message.
    """

    cosmic_ray: Sequence[str]
    ours: Sequence[str]
    decorators_for_speed: Sequence[str]
    names_of_wording: Sequence[str]


def mutants(module: str, source: str, choice: Choice) -> Iterator[Mutant]:
    """Yield the mutants of a module's source, in the order of the operators."""
    seen = {source}
    provider = OperatorProvider()
    for name in (*choice.cosmic_ray, *choice.ours):
        operator = _OURS[name]() if name in _OURS else provider[name]()
        places = _Places(operator)
        places.walk(get_ast(source))
        for occurrence, node in enumerate(places.nodes):
            if _is_pointless(node, name, choice):
                continue
            changed = MutationVisitor.mutate_code(source, operator, occurrence)
            if changed is None or changed in seen or not _compiles(changed):
                continue
            seen.add(changed)
            yield _describe(module, name, occurrence, node, source, changed)


def _describe(module: str, operator: str, occurrence: int, node: Node, source: str, changed: str) -> Mutant:
    before, after = source.splitlines(), changed.splitlines()
    pairs = enumerate(zip(before, after, strict=False))
    line = next((index for index, (a, b) in pairs if a != b), len(after) - 1)
    return Mutant(
        module,
        operator,
        occurrence,
        line + 1,
        _scope(node),
        before[line].strip(),
        after[line].strip(),
        changed,
    )


def _scope(node: Node) -> str:
    names = [str(parent.name.value) for parent in _ancestors(node) if parent.type in ("funcdef", "classdef")]
    return ".".join(reversed(names)) or "module"


def _compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def _is_pointless(node: Node, operator: str, choice: Choice) -> bool:
    if node.type == "decorator":
        return node.children[1].get_code().strip() in choice.decorators_for_speed
    path = [node, *_ancestors(node)]
    if operator == "ReplaceText" and any(_is_named(one, choice.names_of_wording) for one in path):
        return True
    return any(map(_is_for_types, path)) or any(
        _is_annotation(child, parent, operator) or _is_wording(child, parent) for child, parent in pairwise(path)
    )


def _is_named(node: Node, names: Sequence[str]) -> bool:
    """Whether the node is an assignment to a variable of one of these names."""
    return node.type == "expr_stmt" and getattr(node.children[0], "value", None) in names


def _ancestors(node: Node) -> list[Node]:
    found = []
    while node.parent is not None:
        node = node.parent
        found.append(node)
    return found


def _is_annotation(child: Node, parent: Node, operator: str) -> bool:
    if parent.type == "tfpdef":
        return True
    if parent.type == "funcdef":
        arrow = parent.children[parent.children.index(child) - 1]
        return getattr(arrow, "value", "") == "->"
    if parent.type == "annassign" and parent.children[1] is child:
        around = [one.type for one in _ancestors(parent) if one.type in ("funcdef", "classdef")]
        # In a class body an annotation may be what msgspec checks.
        return around[:1] != ["classdef"] or operator.startswith("ReplaceBinaryOperator_BitOr")
    return False


def _is_wording(child: Node, parent: Node) -> bool:
    """Whether `child` is the first argument of the exception that a raise statement makes."""
    if parent.type == "trailer":
        return child.type != "arglist" and _is_raised(parent)
    return parent.type == "arglist" and parent.children[0] is child and _is_raised(parent.parent)


def _is_raised(call: Node) -> bool:
    made = call.parent
    return (
        call.type == "trailer"
        and made is not None
        and made.type == "atom_expr"
        and made.parent.type == "raise_stmt"
        and made.parent.children[1] is made
    )


def _is_for_types(node: Node) -> bool:
    return bool(node.type == "if_stmt" and node.children[1].get_code().strip() == "TYPE_CHECKING")
