"""The pickle machine: code is refused by name and never run, whatever way it takes; senseless programs end."""

from __future__ import annotations

import argparse
import builtins
import contextlib
import os
import pickle
import pickletools
import subprocess

import pytest
import torch_files
from hypothesis import given
from hypothesis import strategies as st

from certify.errors import InputError
from certify.network.arrays import File, read_arrays
from certify.network.arrays.pytorch import unpickler
from certify.network.arrays.pytorch.unpickler import unpickle


def refused(program: bytes) -> str:
    with pytest.raises(InputError) as caught:
        unpickle(memoryview(program), 0)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def sentinel(tmp_path, monkeypatch):
    """A file that the malicious programs would make, by many ways; none of them may."""
    path = tmp_path / "executed"
    monkeypatch.chdir(tmp_path)
    return path


class Runs:
    """Pickled as a call of a function."""

    def __init__(self, function, *arguments) -> None:
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


CODE = "open('executed', 'w').close()"
MALICIOUS = {
    "os.system": (Runs(os.system, "touch executed"), "system"),
    "eval": (Runs(eval, CODE), "eval"),
    "exec": (Runs(exec, CODE), "exec"),
    "open": (Runs(open, "executed", "w"), "open"),
    "import": (Runs(builtins.__import__, "os"), "__import__"),
    "getattr": (Runs(getattr, "x", "upper"), "getattr"),
    "subprocess": (Runs(subprocess.Popen, ["touch", "executed"]), "Popen"),
    "an object": (argparse.Namespace(a=1), "argparse.Namespace"),
    "deeper": ([({"y": Runs(eval, CODE)},)], "eval"),
}


@pytest.mark.parametrize("legacy", [pytest.param(False, id="zip"), pytest.param(True, id="legacy")])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("case", MALICIOUS)
def test_code_is_refused_by_name_and_not_run(case, protocol, legacy, sentinel):
    value, name = MALICIOUS[case]
    with pytest.raises(InputError, match=f"expected tensors and plain values only.* found .*{name}$"):
        read_arrays([File("w.pt", torch_files.save({"x": value}, protocol=protocol, legacy=legacy))])
    assert not sentinel.exists()


def test_the_sentinel_would_be_there_if_code_were_run(sentinel):
    pickle.loads(pickle.dumps(Runs(eval, CODE)))
    assert sentinel.exists()


EVAL = b"c__builtin__\neval\n"
SYMBOL = b"ccollections\nOrderedDict\n"
TEXT = b"X\x01\0\0\0a"
STORAGE = b"(X\x07\0\0\0storagectorch\nFloatStorage\n" + TEXT * 2 + b"K\x01tQ"
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE + b"K\0))\x89" + SYMBOL + b")RtR"
PIECES = [
    STORAGE,
    TENSOR,
    SYMBOL + b")R",
    SYMBOL,
    TEXT,
    EVAL,
    b"}",
    b"]",
    b")",
    b"(",
    b"q\0",
    b"h\0",
    b"R",
    b"b",
    b"s",
    b"u",
    b".",
]
PROGRAMS = {
    "a function of torch's that runs code": (b"ctorch.hub\nload\n.", "found torch.hub.load"),
    "a name that goes on": (b"ctorch._utils\n_rebuild_tensor_v2.__globals__\n.", "_rebuild_tensor_v2.__globals__"),
    "a module that goes on": (b"ccollections.OrderedDict\nfromkeys\n.", "collections.OrderedDict.fromkeys"),
    "INST": (b"(icollections\nOrderedDict\n.", "found INST"),
    "OBJ": (b"(" + SYMBOL + b"o.", "found OBJ"),
    "NEWOBJ": (SYMBOL + b")\x81.", "found NEWOBJ"),
    "NEWOBJ_EX": (SYMBOL + b")}\x92.", "found NEWOBJ_EX"),
    "EXT1": (b"\x82\x01.", "found EXT1"),
    "EXT4": (b"\x84\x01\0\0\0.", "found EXT4"),
    "PERSID": (b"Pa\n.", "found PERSID"),
    "NEXT_BUFFER": (b"\x97.", "found NEXT_BUFFER"),
    "an instruction that is none": (b"\xff.", "found 0xff"),
    "a second PROTO": (b"\x80\x02.", "found PROTO"),
    "a call of a text": (TEXT + b")R.", "found a call of str"),
    "a call of a dtype": (b"ctorch\nfloat32\n)R.", "found a call of torch.float32"),
    "a call without a tuple": (SYMBOL + b"]R.", "expected arguments of collections.OrderedDict, found list"),
    "an ordered dict of something": (SYMBOL + b"]\x85R.", "without arguments, found 1"),
    "attributes of a dict": (b"}}b.", "attributes of an ordered dict, found some of dict"),
    "attributes of a symbol": (SYMBOL + b"}b.", "found some of Symbol"),
    "attributes that are no dict": (SYMBOL + b")R]b.", "attributes of an ordered dict"),
    "a name of numbers": (b"K\x01K\x02\x93.", "expected the names of a module"),
    "a name without an end": (b"c" + b"a" * 9999, "a name of at most 256 bytes"),
    "a name that is no text": (b"c\xff\n\n.", "in UTF-8"),
    "a text that is none": (b"X\x01\0\0\0\xff.", "in UTF-8"),
    "half of a surrogate pair": (b"X\x03\0\0\0\xed\xa0\x80.", "in UTF-8"),
    "a text of 4 GiB": (b"X\xff\xff\xff\xffa.", "expected 4294967295 more bytes of a pickle, found 2"),
    "a text of 2^63 bytes": (b"\x8d\0\0\0\0\0\0\0\x80a.", "found BINUNICODE8"),
    "a number of 2 GiB": (b"\x8b\xff\xff\xff\x7fa.", "found LONG4"),
    "a number as text": (b"I" + b"9" * 5000 + b"\n.", "found INT"),
    "a long number as text": (b"L1L\n.", "found LONG"),
    "bytes of 4 GiB": (b"B\xff\xff\xff\xffa.", "found BINBYTES"),
    "a frame behind the end": (b"\x95\xff\0\0\0\0\0\0\0N.", "a frame inside the pickle"),
    "an empty stack": (b".", "expected a value on the stack, found none"),
    "two values": (b"NN.", "expected one value at the end"),
    "a mark at the end": (b"(N.", "expected one value at the end"),
    "no mark": (b"Nt.", "expected a mark on the stack"),
    "a pop behind the mark": (b"]N(a.", "expected a value on the stack"),
    "a value behind a mark": (b"N(\x85.", "expected a value on the stack"),
    "nothing to keep": (b"q\0.", "expected a value on the stack"),
    "nothing kept": (b"h\x07.", "found none under 7"),
    "nothing kept there": (b"Nq\0j\xff\xff\xff\xff.", "found none under 4294967295"),
    "an append to a tuple": (b")Na.", "expected a list to append to, found tuple"),
    "appends to a dict": (b"}(Ne.", "expected a list to append to, found dict"),
    "an item of a list": (b"]" + TEXT + b"Ns.", "expected a dict, and keys"),
    "half an item": (b"}(" + TEXT + b"u.", "expected a dict, and keys and values in pairs"),
    "a list as key": (b"}]Ns.", "as key of a dict, found list"),
    "a key twice": (b"}(" + TEXT + b"N" + TEXT + b"Nu.", "every key once, found a twice"),
    "a key twice, later": (b"}" + TEXT + b"Ns" + TEXT + b"Ns.", "every key once, found a twice"),
    "an id of nothing": (b"NQ.", "the persistent id of a storage"),
    "an id of a module": (b"(X\x06\0\0\0moduleNNNtQ.", "the persistent id of a storage"),
    "an id with a function as type": (
        b"(X\x07\0\0\0storagectorch._utils\n_rebuild_tensor_v2\n" + TEXT * 2 + b"K\x01tQ.",
        "the persistent id of a storage",
    ),
    "a storage of less than nothing": (
        b"(X\x07\0\0\0storagectorch\nFloatStorage\n" + TEXT * 2 + b"J\xff\xff\xff\xfftQ.",
        "a size of integers from 0, found -1",
    ),
    "no end": (b"N", "expected 1 more bytes of a pickle, found 0"),
}


@pytest.mark.parametrize("case", PROGRAMS)
def test_programs_that_are_refused(case):
    program, problem = PROGRAMS[case]
    found = refused(b"\x80\x02" + program)
    assert problem in found
    assert found.startswith("pickle, byte ")


@pytest.mark.parametrize("start", [b"", b"\x80", b"\x80\x01", b"\x80\x06", b"N."])
def test_other_protocols(start):
    assert "expected " in refused(start)


def test_no_other_instruction_is_known():
    """Only what makes plain values, and the two that go to the tables: GLOBAL and REDUCE in their forms."""
    dangerous = {"INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "PERSID", "NEXT_BUFFER"}
    known = set(unpickler._INSTRUCTIONS)
    assert not known & dangerous
    assert known < {opcode.name for opcode in pickletools.opcodes}


def values(program: bytes):
    with pytest.raises(InputError) as caught:
        read_arrays([File("w.pt", torch_files.zip_file(b"\x80\x02" + program, {}))])
    return str(caught.value)


@pytest.mark.long
def test_a_tuple_that_doubles_25_times():
    """2^25 values in 200 bytes."""
    doubled = b"N" + b"".join(b"q%ch%c\x86" % (n, n) for n in range(25))
    assert "at most 1048576 values" in values(b"}" + TEXT + doubled + b"s.")


def test_a_list_that_contains_itself():
    assert "32 deep in each other" in values(b"}" + TEXT + b"]q\0h\0as.")


def test_a_dict_that_contains_itself():
    assert "32 deep in each other" in values(b"}q\0" + TEXT + b"h\0s.")


def test_a_tuple_nested_100_000_times():
    assert "32 deep in each other" in values(b"}" + TEXT + b")" + b"\x85" * 10**5 + b"s.")


def test_one_long_name_for_many_tensors():
    """A name of a million letters in front of each would be made of each."""
    name = b"X" + (10**6).to_bytes(4, "little") + b"a" * 10**6
    assert "names of less than 1024 letters" in values(
        b"}" + name + b"}(" + b"".join(b"K%cN" % n for n in range(99)) + b"us."
    )


def test_a_long_program(monkeypatch):
    monkeypatch.setattr(unpickler, "MAX_PICKLE_BYTES", 10)
    assert unpickle(memoryview(b"\x80\x02" + b")\x85" + b"\x85" * 5 + b"." + b"more"), 0)[1] == 10
    assert "found 0" in refused(b"\x80\x02" + b")\x85" + b"\x85" * 6 + b".")


@given(st.lists(st.sampled_from([*PIECES, *(bytes([n]) for n in range(256))]), max_size=30).map(b"".join))
def test_any_program_ends(program):
    with contextlib.suppress(InputError):
        unpickle(memoryview(b"\x80\x02" + program), 0)
