"""A pickle machine for tensors: it makes descriptions of them, dicts, lists and plain values, and nothing else.

A pickle is a program for a stack machine whose instructions can import and call anything. This one is not Python's
with a filter before it: it knows only the instructions that `torch.save` writes (protocols 2 to 5), and those that
import and call go to the tables in `symbols`. Any other instruction ends the reading with its name.

Bounded: a program has at most `MAX_PICKLE_BYTES`, each instruction makes at most one small value or as many as were
pushed before, and a length is held against the bytes that are left before anything of it is read. A program can still
make values that contain each other or themselves; who walks through them counts its steps (`state`). Nothing that
was made is ever compared, hashed or printed as a whole.

Instructions by `pickletools`, which describes each; their meaning by `pickle.py`.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable, Mapping
from typing import Any

from certify.errors import InputError
from certify.network.arrays.file import shorten
from certify.network.arrays.pytorch.symbols import OrderedDict, call, storage, symbol

MAX_PICKLE_BYTES = 2**22
_NAMES = {ord(opcode.code): opcode.name for opcode in pickletools.opcodes}


class _Machine:
    """The state: where in the program, the stack, the marks on it, the memo."""

    def __init__(self, data: memoryview, at: int) -> None:
        self.data = data[: at + MAX_PICKLE_BYTES]
        self.at = self.instruction = at
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    @property
    def place(self) -> str:
        """Where the instruction stands that is being followed."""
        return f"pickle, byte {self.instruction}"

    def refuse(self, problem: str) -> InputError:
        return InputError(problem, self.place)

    def take(self, length: int) -> bytes:
        if length > len(self.data) - self.at:
            raise self.refuse(f"expected {length} more bytes of a pickle, found {len(self.data) - self.at}")
        self.at += length
        return bytes(self.data[self.at - length : self.at])

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def text(self, length: int) -> str:
        try:
            return self.take(length).decode("utf-8")
        except UnicodeDecodeError:
            raise self.refuse("expected text in UTF-8, found other bytes") from None

    def line(self) -> str:
        """Return the text up to the end of the line; a name is at most 256 bytes long."""
        length = bytes(self.data[self.at : self.at + 257]).find(b"\n")
        if length < 0:
            raise self.refuse("expected a name of at most 256 bytes, found no end of it")
        return self.text(length + 1)[:-1]

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise self.refuse("expected a value on the stack, found none")
        return self.stack.pop()

    def top(self) -> Any:
        value = self.pop()
        self.stack.append(value)
        return value

    def pop_to_mark(self) -> list[Any]:
        if not self.marks:
            raise self.refuse("expected a mark on the stack, found none")
        mark = self.marks.pop()
        values = self.stack[mark:]
        del self.stack[mark:]
        return values


def unpickle(data: memoryview, at: int) -> tuple[Any, int]:
    """Return what the pickle at this byte makes, and the byte behind it.

    It is made of `Tensor`, `Storage` and `Symbol` (see `symbols`), dicts with text or integers as keys, lists,
    tuples, texts, bools, integers, floats and None; they may contain each other and themselves.

    Raises:
        InputError: an instruction, a name or a call that is not on the lists, or a program that makes no sense.
    """
    machine = _Machine(data, at)
    if machine.take(1) != b"\x80" or not 2 <= machine.number("B") <= 5:
        raise machine.refuse("expected a pickle of protocol 2 to 5, found something else")
    while True:
        machine.instruction = machine.at
        code = machine.take(1)[0]
        name = _NAMES.get(code, f"{code:#04x}")
        if name == "STOP":
            return _end(machine), machine.at
        if name not in _INSTRUCTIONS:
            raise machine.refuse(f"expected instructions for tensors and plain values only, found {name}")
        _INSTRUCTIONS[name](machine)


def _end(machine: _Machine) -> Any:
    value = machine.pop()
    if machine.stack or machine.marks:
        raise machine.refuse("expected one value at the end of a pickle, found more")
    return value


def _frame(machine: _Machine) -> None:
    """A frame only tells how much to read at once."""
    if machine.number("<Q") > len(machine.data) - machine.at:
        raise machine.refuse("expected a frame inside the pickle, found one beyond its end")


def _mark(machine: _Machine) -> None:
    machine.marks.append(len(machine.stack))


def _tuple(length: int) -> Callable[[_Machine], None]:
    def make(machine: _Machine) -> None:
        machine.push(tuple([machine.pop() for _ in range(length)][::-1]))

    return make


def _append(machine: _Machine, values: list[Any]) -> None:
    target = machine.top()
    if type(target) is not list:
        raise machine.refuse(f"expected a list to append to, found {type(target).__name__}")
    target.extend(values)


def _set(machine: _Machine, values: list[Any]) -> None:
    target = machine.top()
    if not isinstance(target, dict) or len(values) % 2:
        raise machine.refuse("expected a dict, and keys and values in pairs, found something else")
    for key, value in zip(values[::2], values[1::2], strict=True):
        if type(key) is not str and type(key) is not int:
            raise machine.refuse(f"expected text or an integer as key of a dict, found {type(key).__name__}")
        if key in target:
            raise machine.refuse(f"expected every key once, found {shorten(str(key))} twice")
        target[key] = value


def _pair(machine: _Machine) -> list[Any]:
    value, key = machine.pop(), machine.pop()
    return [key, value]


def _get(machine: _Machine, index: int) -> None:
    if index not in machine.memo:
        raise machine.refuse(f"expected a value that was kept, found none under {index}")
    machine.push(machine.memo[index])


def _put(machine: _Machine, index: int) -> None:
    machine.memo[index] = machine.top()


def _global(machine: _Machine) -> None:
    module, name = machine.line(), machine.line()
    machine.push(symbol(f"{module}.{name}", machine.place))


def _stack_global(machine: _Machine) -> None:
    name, module = machine.pop(), machine.pop()
    if type(name) is not str or type(module) is not str:
        raise machine.refuse("expected the names of a module and of what is in it, found something else")
    machine.push(symbol(f"{module}.{name}", machine.place))


def _reduce(machine: _Machine) -> None:
    arguments, function = machine.pop(), machine.pop()
    machine.push(call(function, arguments, machine.place))


def _build(machine: _Machine) -> None:
    state, target = machine.pop(), machine.top()
    if type(target) is not OrderedDict or type(state) is not dict:
        raise machine.refuse(f"expected attributes of an ordered dict, found some of {type(target).__name__}")


_INSTRUCTIONS: Mapping[str, Callable[[_Machine], None]] = {
    "FRAME": _frame,
    "MARK": _mark,
    "NONE": lambda machine: machine.push(None),
    "NEWTRUE": lambda machine: machine.push(True),
    "NEWFALSE": lambda machine: machine.push(False),
    "BININT": lambda machine: machine.push(machine.number("<i")),
    "BININT1": lambda machine: machine.push(machine.number("B")),
    "BININT2": lambda machine: machine.push(machine.number("<H")),
    "LONG1": lambda machine: machine.push(int.from_bytes(machine.take(machine.number("B")), "little", signed=True)),
    "BINFLOAT": lambda machine: machine.push(machine.number(">d")),
    "BINUNICODE": lambda machine: machine.push(machine.text(machine.number("<I"))),
    "SHORT_BINUNICODE": lambda machine: machine.push(machine.text(machine.number("B"))),
    "EMPTY_TUPLE": lambda machine: machine.push(()),
    "TUPLE": lambda machine: machine.push(tuple(machine.pop_to_mark())),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "EMPTY_LIST": lambda machine: machine.push([]),
    "APPEND": lambda machine: _append(machine, [machine.pop()]),
    "APPENDS": lambda machine: _append(machine, machine.pop_to_mark()),
    "EMPTY_DICT": lambda machine: machine.push({}),
    "SETITEM": lambda machine: _set(machine, _pair(machine)),
    "SETITEMS": lambda machine: _set(machine, machine.pop_to_mark()),
    "BINPUT": lambda machine: _put(machine, machine.number("B")),
    "LONG_BINPUT": lambda machine: _put(machine, machine.number("<I")),
    "MEMOIZE": lambda machine: _put(machine, len(machine.memo)),
    "BINGET": lambda machine: _get(machine, machine.number("B")),
    "LONG_BINGET": lambda machine: _get(machine, machine.number("<I")),
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "REDUCE": _reduce,
    "BUILD": _build,
    "BINPERSID": lambda machine: machine.push(storage(machine.pop(), machine.place)),
}
"""What a program may say; everything else that pickle knows is refused by its name."""
