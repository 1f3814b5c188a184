"""Both containers of `torch.save`: PyTorch's own files, those of `torch_files`, and ways to be wrong."""

from __future__ import annotations

import functools
import pickle
import re
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch_files
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from torch_files import PARAMETER, Call, Name, State, Storage, save, tensor, zip_file, zip_members, zipped

from certify.errors import InputError
from certify.network.arrays import File, read_arrays
from certify.network.arrays.pytorch import archive as pytorch_archive
from certify.network.arrays.pytorch import state

CLAIMS = Path(__file__).parents[3] / "data" / "claims"
PRUNED = {
    "0.bias": [-0.375, -0.25, -0.125],
    "0.weight_orig": [[-0.375, -0.25], [-0.125, 0.0], [0.125, 0.25]],
    "0.weight_mask": [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]],
    "2.bias": [-0.375],
    "2.weight_orig": [[-0.375, -0.25, -0.125]],
    "2.weight_mask": [[1.0, 0.0, 1.0]],
}
WHOLE = np.arange(6, dtype=np.float32).reshape(2, 3)
SOURCE = Storage(WHOLE.reshape(-1))
BOTH = pytest.mark.parametrize("legacy", [pytest.param(False, id="zip"), pytest.param(True, id="legacy")])


def read(data: bytes, name: str = "claim.pt"):
    return read_arrays([File(name, data)])


def values(found):
    return {name: array.tolist() for name, array in found.items()}


def refused(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        read(data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def state_dict() -> State:
    """The value of pruned.pt, for the builder."""
    version = "version"
    metadata = State({"": {version: 1}, "0": {version: 1}, "1": {version: 1}, "2": {version: 1}})
    return State({name: np.array(array, np.float32) for name, array in PRUNED.items()}, metadata)


@pytest.mark.parametrize("name", ["pruned.pt", "pruned_legacy.pt"])
def test_files_of_pytorch(name):
    found = read((CLAIMS / name).read_bytes())
    assert values(found) == PRUNED
    assert list(found) == list(PRUNED)
    assert {array.dtype.name for array in found.values()} == {"float32"}


def test_a_checkpoint_of_pytorch_with_views_and_other_values():
    found = read((CLAIMS / "checkpoint.pt").read_bytes())
    whole = [[-0.375, -0.25, -0.125], [0.0, 0.125, 0.25]]
    assert values(found) == {
        "state_dict.whole": whole,
        "state_dict.transposed": [list(row) for row in zip(*whole, strict=True)],
        "state_dict.row": whole[1],
        "state_dict.bfloat16": whole,
        "state_dict.bits": [0, 65535],
        "state_dict.scalar": True,
    }
    kinds = [array.dtype.name for array in found.values()]
    assert kinds == ["float32", "float32", "float32", "float32", "uint16", "bool"]
    assert all(array.flags.c_contiguous and array.flags.writeable for array in found.values())


def test_the_builder_writes_what_pytorch_writes():
    """The legacy file byte for byte, the zip's members each; the serialization id alone is a digest of PyTorch's."""
    legacy = (CLAIMS / "pruned_legacy.pt").read_bytes()
    keys = list(dict.fromkeys(key.decode() for key in re.findall(rb"X\x0e\0\0\0(\d{14})", legacy)))
    assert save(state_dict(), legacy=True, keys=keys) == legacy
    with zipfile.ZipFile(CLAIMS / "pruned.pt") as archive:
        members = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    made = zip_members(*torch_files.pickled(state_dict()))
    assert list(made) == list(members)
    assert {**made, ".data/serialization_id": members[".data/serialization_id"]} == members


@BOTH
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol(legacy, protocol):
    value = {"model": {"w": WHOLE, "n": np.array(7)}, "epoch": 3, 5: {"x": np.array([True, False])}}
    assert values(read(save(value, legacy=legacy, protocol=protocol))) == {
        "model.w": WHOLE.tolist(),
        "model.n": 7,
        "5.x": [True, False],
    }


INTEGERS = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
DTYPES = ["bool", *INTEGERS, "float16", "float32", "float64"]


@BOTH
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype(legacy, dtype):
    array = np.array([[0, 1], [1, 0], [1, 1]], dtype) if dtype == "bool" else extremes(dtype)
    found = read(save({"x": array}, legacy=legacy))["x"]
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)


def extremes(dtype):
    limits = np.finfo(dtype) if dtype.startswith("f") else np.iinfo(dtype)
    return np.array([limits.min, limits.max, 0, 1], dtype)


@BOTH
def test_bfloat16_is_the_upper_half_of_float32(legacy):
    bits = np.array([0x3F80, 0xC000, 0x0001, 0x7F80, 0x8000], np.uint16)
    made = tensor(np.zeros(5, np.float32), storage=Storage(bits, "bfloat16"))
    found = read(save({"x": made}, legacy=legacy))["x"]
    assert found.dtype == np.float32
    assert found.tolist() == [1.0, -2.0, 2.0**-133, float("inf"), 0.0]


@pytest.mark.parametrize("dtype", ["int16", "int64", "float32", "float64", "bool"])
def test_big_endian_archives(dtype):
    array = np.array([0, 1, 1], dtype)
    found = read(save({"x": array}, big=True))["x"]
    assert found.tolist() == array.tolist()
    assert found.dtype == np.dtype(dtype)


def test_big_endian_storages_without_a_type_are_refused():
    """`torch.load` swaps no bytes in these: what they mean is not known."""
    assert "little-endian" in refused(save({"x": np.array([1, 2], np.uint16)}, big=True))


def test_without_byteorder_it_is_little():
    members = zip_members(*torch_files.pickled({"x": WHOLE}))
    del members["byteorder"]
    assert values(read(archive(members))) == {"x": WHOLE.tolist()}


@BOTH
@pytest.mark.parametrize(
    ("shape", "offset", "strides", "expected"),
    [
        pytest.param((3, 2), 0, (1, 3), WHOLE.T, id="transposed"),
        pytest.param((3,), 3, (1,), WHOLE[1], id="row"),
        pytest.param((2,), 2, (3,), WHOLE[:, 2], id="column"),
        pytest.param((), 4, (), 4.0, id="scalar"),
        pytest.param((0, 3), 0, (3, 1), np.zeros((0, 3)), id="empty"),
        pytest.param((1, 2), 4, (2**70, 1), [[4, 5]], id="a stride that is never taken"),
        pytest.param((1, 2), 4, (0, 1), [[4, 5]], id="a stride of 0 that is never taken"),
        pytest.param((2, 3), 0, (1, 1), [[0, 1, 2], [1, 2, 3]], id="overlapping"),
        pytest.param((1,), 5, (1,), [5], id="the last element"),
    ],
)
def test_views(legacy, shape, offset, strides, expected):
    made = tensor(np.zeros(shape, np.float32), storage=SOURCE, offset=offset, strides=strides)
    found = read(save({"whole": tensor(WHOLE, storage=SOURCE), "view": made}, legacy=legacy))
    assert found["view"].shape == shape
    assert found["view"].flags.c_contiguous
    assert np.array_equal(found["view"], expected)


def test_tensors_of_one_storage_are_apart():
    same = tensor(WHOLE, storage=SOURCE)
    found = read(save({"a": same, "b": same}))
    found["a"][0, 0] = 9
    assert found["b"].tolist() == WHOLE.tolist()


@BOTH
def test_parameters_and_lists(legacy):
    parameter = Call(PARAMETER, (tensor(WHOLE), True, OrderedDict()))
    value = {"layers": [parameter, (np.array(1), "text", None, 0.5, 2**70, -1, True)]}
    assert values(read(save(value, legacy=legacy))) == {"layers.0": WHOLE.tolist(), "layers.1.0": 1}


def of(offset=0, shape=(2, 3), strides=(3, 1), source=SOURCE, *rest, hooks=None, gradient=False):
    hooks = OrderedDict() if hooks is None else hooks
    return {"x": Call(torch_files.V2, (source, offset, shape, strides, gradient, hooks, *rest))}


ROWS = Storage(np.zeros(6, np.uint16), untyped=True)
FLAGS = ({"neg": True},)
REFUSED_TENSORS = {
    "negative stride": (of(0, (3,), (-1,)), "strides of integers from 0, found -1"),
    "negative offset": (of(-1), "an offset of integers from 0, found -1"),
    "negative length": (of(0, (-2, 3)), "a shape of integers from 0, found -2"),
    "expanded": (of(0, (1000, 1000), (0, 0)), "a stride of 0"),
    "expanded by one": (of(0, (2, 3), (0, 1)), "a stride of 0"),
    "behind the end": (of(1), "elements among the 6 that there are"),
    "a long stride": (of(0, (2, 3), (4, 1)), "elements among the 6 that there are"),
    "larger than the storage": (of(0, (4, 3), (1, 1)), "at most the 6 elements of its storage, found 12"),
    "a huge length": (of(0, (2**40,), (1,)), "dimensions from 0 to 268435456, found 1099511627776"),
    "a huge shape": (of(0, (2**20, 2**20), (1, 1)), "at most 268435456 elements"),
    "a huge shape of nothing": (of(0, (2**20, 2**20, 0), (1, 1, 1)), "at most 268435456 elements"),
    "a length of 600 digits": (of(0, (2**2000,), (1,)), "dimensions from 0"),
    "too many dimensions": (of(0, (1,) * 9, (1,) * 9), "as many strides as lengths, at most 8"),
    "a stride missing": (of(0, (2, 3), (3,)), "as many strides as lengths"),
    "a length that is a bool": (of(0, (True, 3)), "integers from 0, found True"),
    "a length that is a float": (of(0, (2.0, 3)), "integers from 0, found float"),
    "a shape that is a list": (of(0, [2, 3]), "storage, offset, shape and strides"),
    "no storage": (of(source=None), "storage, offset, shape and strides"),
    "hooks": (of(hooks=OrderedDict(a=1)), "without hooks"),
    "hooks that are none": (of(hooks=3), "storage, offset, shape and strides"),
    "negated": (of(0, (2, 3), (3, 1), SOURCE, *FLAGS), "flags such as neg or conj"),
    "more arguments": (of(0, (2, 3), (3, 1), SOURCE, None, None), "flags"),
    "bytes without a dtype": (of(0, (2, 3), (3, 1), ROWS), "a tensor with a dtype"),
    "float8": (
        {"x": Call(torch_files.V3, (ROWS, 0, (2,), (1,), False, OrderedDict(), Name("torch", "float8_e5m2")))},
        "found torch.float8_e5m2",
    ),
    "a dtype for a typed storage": (
        {"x": Call(torch_files.V3, (SOURCE, 0, (2,), (1,), False, OrderedDict(), Name("torch", "float32")))},
        "a dtype and a storage of bytes",
    ),
    "a dtype missing": ({"x": Call(torch_files.V3, (ROWS, 0, (2,), (1,), False, OrderedDict()))}, "a dtype"),
    "negated, with a dtype": (
        {"x": Call(torch_files.V3, (ROWS, 0, (2,), (1,), False, OrderedDict(), Name("torch", "uint16"), *FLAGS))},
        "flags such as neg or conj",
    ),
    "a parameter with hooks": (
        {"x": Call(PARAMETER, (tensor(WHOLE), True, OrderedDict(a=1)))},
        "a tensor, a bool and no hooks",
    ),
    "a parameter of a number": ({"x": Call(PARAMETER, (1, True, OrderedDict()))}, "a tensor, a bool and no hooks"),
    "attributes of a tensor": ({"x": Call(torch_files.V2, of()["x"].arguments, {"a": 1})}, "some of Tensor"),
    "a bool of 2": ({"x": tensor(np.zeros(2, bool), storage=Storage(np.array([1, 2], np.uint8), "bool"))}, "0 or 1"),
}


@BOTH
@pytest.mark.parametrize("case", REFUSED_TENSORS)
def test_refused_tensors(legacy, case):
    value, problem = REFUSED_TENSORS[case]
    assert problem in refused(save(value, legacy=legacy))


REFUSED_VALUES = {
    "a tensor alone": (tensor(WHOLE), "expected a dict of tensors, found Tensor"),
    "a list": ([WHOLE], "expected a dict of tensors, found list"),
    "no tensor": ({"epoch": 3}, "at least one array"),
    "one name twice": ({"a.b": WHOLE, "a": {"b": WHOLE}}, "a.b: expected every tensor's name once"),
    "a number and its text": ({1: WHOLE, "1": WHOLE}, "1: expected every tensor's name once"),
    "bytes": ({"w": WHOLE, "b": b"xy"}, "found _codecs.encode"),
    "a set": ({"w": WHOLE, "s": {1, 2}}, "found __builtin__.set"),
    "a complex number": ({"w": WHOLE, "c": 1j}, "found __builtin__.complex"),
    "a tuple as key": ({(1, 2): WHOLE}, "as key of a dict, found tuple"),
    "a bool as key": ({True: WHOLE}, "as key of a dict, found bool"),
    "nested 40 deep": (functools.reduce(lambda inner, _: {"a": inner}, range(40), WHOLE), "32 deep"),
    "a name of 2,000 letters": ({"n" * 1000: {"n" * 1000: WHOLE}}, "names of less than 1024 letters"),
    "a quantized tensor": (
        {"q": Call(Name("torch._utils", "_rebuild_qtensor"), (1,))},
        "torch._utils._rebuild_qtensor",
    ),
    "a module": ({"m": Call(Name("torch.nn.modules.linear", "Linear"), ())}, "torch.nn.modules.linear.Linear"),
    "a numpy scalar": ({"n": np.float64(1), "w": WHOLE}, "scalar"),
    "a storage": ({"s": SOURCE, "w": WHOLE}, "s: expected tensors and plain values only, found Storage"),
    "complex storages": ({"s": Name("torch", "ComplexFloatStorage"), "w": WHOLE}, "torch.ComplexFloatStorage"),
}


@BOTH
@pytest.mark.parametrize("case", REFUSED_VALUES)
def test_refused_values(legacy, case):
    value, problem = REFUSED_VALUES[case]
    assert problem in refused(save(value, legacy=legacy))


def archive(members, root="archive"):
    return zipped({f"{root}/{name}": data for name, data in members.items()})


def changed(**changes):
    """An archive of one tensor, with other members; None takes one away."""
    members = zip_members(*torch_files.pickled({"x": WHOLE}))
    members |= {name.replace("__", "/").replace("_pkl", ".pkl"): data for name, data in changes.items()}
    return archive({name: data for name, data in members.items() if data is not None})


def two_storages(first, second):
    """Two tensors whose storages have one key."""
    program, storages = torch_files.pickled({"a": tensor(WHOLE, storage=first), "b": tensor(WHOLE, storage=second)})
    return program.replace(b"X\x01\0\0\x001", b"X\x01\0\0\x000"), {"0": storages["0"]}


DOUBLE = Storage(np.arange(6.0))
GOOD = zip_members(*torch_files.pickled({"x": WHOLE}))
REFUSED_ARCHIVES = {
    "a storage missing": (changed(data__0=None), "archive/data/0: expected a member of this name"),
    "a storage too short": (changed(data__0=b"\0" * 23), "expected 24 bytes of a storage, found 23"),
    "a storage too long": (changed(data__0=b"\0" * 25), "expected 24 bytes of a storage, found 25"),
    "no version": (changed(version=None), "archive/version: expected a version from 1 to 10"),
    "version 11": (changed(version=b"11"), "expected a version from 1 to 10"),
    "middle-endian": (changed(byteorder=b"pdp"), "expected little or big"),
    "TorchScript": (changed(constants_pkl=b"x"), "TorchScript"),
    "bytes after the pickle": (changed(data_pkl=GOOD["data.pkl"] + b"."), "expected the end of the pickle, found 1"),
    "an empty pickle": (changed(data_pkl=b""), "expected 1 more bytes of a pickle, found 0"),
    "no folder": (zipped(GOOD), "expected one folder with data.pkl in it"),
    "two folders": (zipped({"a/data.pkl": b"x", "b/data.pkl": b"x"}), "expected one folder with data.pkl in it"),
    "a folder deeper": (archive(GOOD, "a/b"), "expected one folder with data.pkl in it"),
    "one storage of two types": (zip_file(*two_storages(SOURCE, DOUBLE)), "b: expected a storage as another tensor"),
}


@pytest.mark.parametrize("case", REFUSED_ARCHIVES)
def test_refused_archives(case):
    data, problem = REFUSED_ARCHIVES[case]
    assert problem in refused(data)


def test_an_archive_that_was_packed_again_is_read():
    members = {f"a/{name}": data for name, data in GOOD.items()}
    assert values(read(zipped(members, zipfile.ZIP_DEFLATED))) == {"x": WHOLE.tolist()}


def legacy(**changes):
    """A legacy file of one tensor, some of its parts replaced."""
    program, storages = torch_files.pickled({"x": WHOLE}, 2, (None,))
    parts = {
        "magic": pickle.dumps(torch_files.MAGIC, 2),
        "protocol": pickle.dumps(1001, 2),
        "system": pickle.dumps(torch_files.SYSTEM, 2),
        "program": program,
        "keys": pickle.dumps(sorted(storages), 2),
        "size": struct.pack("<q", 6),
        "data": WHOLE.tobytes(),
        "after": b"",
    }
    return b"".join((parts | changes).values())


def dumps(value):
    return pickle.dumps(value, 2)


REFUSED_LEGACY = {
    "another pickle": (dumps({"a": 1}), "PyTorch's magic number, found another pickle"),
    "another magic number": (legacy(magic=dumps(torch_files.MAGIC + 1)), "PyTorch's magic number"),
    "protocol 1000": (legacy(protocol=dumps(1000)), "expected protocol 1001"),
    "a protocol of 1001.0": (legacy(protocol=dumps(1001.0)), "expected protocol 1001"),
    "no key": (legacy(keys=dumps([])), "list of storages"),
    "a key twice": (legacy(keys=dumps(["0", "0"])), "list of storages"),
    "another key": (legacy(keys=dumps(["1"])), "list of storages"),
    "keys of numbers": (legacy(keys=dumps([0])), "list of storages"),
    "keys as text": (legacy(keys=dumps("0")), "list of storages"),
    "a size too small": (legacy(size=struct.pack("<q", 5)), "expected 6 elements of storage 0"),
    "a negative size": (legacy(size=struct.pack("<q", -6)), "expected 6 elements of storage 0"),
    "bytes missing": (legacy(data=bytes(23)), "expected 6 elements of storage 0"),
    "bytes after it": (legacy(after=b"\0"), "expected the end of the file, found 1 more bytes"),
    "a view of a storage": (save({"x": WHOLE}, legacy=True).replace(b"K\x06Nt", b"K\x06K\x01t"), "a view of another"),
    "code in the facts": (legacy(system=b"\x80\x02cos\nsystem\nX\x01\0\0\0a\x85R."), "found os.system"),
    "code in the keys": (legacy(keys=b"\x80\x02cos\nsystem\nX\x01\0\0\0a\x85R."), "found os.system"),
}


@pytest.mark.parametrize("case", REFUSED_LEGACY)
def test_refused_legacy_files(case):
    data, problem = REFUSED_LEGACY[case]
    assert problem in refused(data)


def test_the_parts_of_a_legacy_file_are_as_the_builder_has_them():
    assert legacy() == save({"x": WHOLE}, legacy=True)


@pytest.mark.parametrize("name", ["pruned.pt", "pruned_legacy.pt", "checkpoint.pt"])
def test_truncated_at_every_byte(name):
    data = (CLAIMS / name).read_bytes()
    for size in range(len(data)):
        refused(data[:size])


@BOTH
@pytest.mark.parametrize(
    ("bound", "value", "problem"),
    [
        pytest.param("MAX_ARRAYS", 1, "expected at most 1 tensors, found more", id="tensors"),
        pytest.param("MAX_UNPACKED_BYTES", 47, "expected tensors of at most 47 bytes together, found 48", id="bytes"),
        pytest.param("MAX_VALUES", 2, "expected at most 2 values", id="values"),
        pytest.param("MAX_DEPTH", 0, "0 deep in each other", id="depth"),
        pytest.param("MAX_NAME", 1, "names of less than 1 letters", id="names"),
    ],
)
def test_bounds(legacy, bound, value, problem, monkeypatch):
    same = tensor(WHOLE, storage=SOURCE)
    data = save({"a": same, "b": same}, legacy=legacy)
    monkeypatch.setattr(state, bound, value + 1)
    assert len(read(data)) == 2
    monkeypatch.setattr(state, bound, value)
    assert problem in refused(data)


def test_a_pickle_is_not_read_when_it_is_too_long(monkeypatch):
    monkeypatch.setattr(pytorch_archive, "MAX_PICKLE_BYTES", 100)
    assert "expected a pickle of at most 100 bytes" in refused(save({"x": WHOLE}))


@BOTH
@given(
    st.dictionaries(
        st.text("abc.é", max_size=5),
        arrays_of.arrays(
            st.sampled_from([np.dtype(name) for name in DTYPES if name != "bool"]),
            arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(2, 5),
)
def test_what_is_saved_is_read(legacy, saved, protocol):
    found = read(save(saved, legacy=legacy, protocol=protocol))
    assert list(found) == list(saved)
    for name, array in saved.items():
        assert found[name].dtype == array.dtype
        assert found[name].tobytes() == array.tobytes()
        assert found[name].shape == array.shape
