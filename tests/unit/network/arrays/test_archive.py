"""Zip archives: those of numpy are read, and every lie that an archive can tell about itself is found."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
import zlib
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from torch_files import zipped

from certify.errors import InputError
from certify.network.arrays import File, archive, read_arrays

TABLE = np.arange(6, dtype=np.float32).reshape(2, 3)


def npy(array=TABLE) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


NPY = npy()


def read(data: bytes):
    return read_arrays([File("w.npz", data)])


def refused(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        read(data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@dataclass(frozen=True)
class Member:
    """A member, with what the archive says of it where that is not the truth."""

    name: bytes = b"x.npy"
    data: bytes = NPY
    method: int = 0
    flags: int = 0
    packed: bytes | None = None
    size: int | None = None
    packed_size: int | None = None
    crc: int | None = None
    header_name: bytes | None = None
    header_method: int | None = None
    header_extra: bytes = b""
    extra: bytes = b""
    offset: int | None = None
    gap: bytes = b""
    version: int = 20

    @property
    def bytes(self) -> bytes:
        if self.packed is not None:
            return self.packed
        return deflate(self.data) if self.method == 8 else self.data

    def said(self) -> tuple[int, int, int]:
        """CRC-32, packed and unpacked size, as the archive has them."""
        crc = zlib.crc32(self.data) if self.crc is None else self.crc
        packed = len(self.bytes) if self.packed_size is None else self.packed_size
        return crc, packed, len(self.data) if self.size is None else self.size

    def local(self) -> bytes:
        name = self.name if self.header_name is None else self.header_name
        method = self.method if self.header_method is None else self.header_method
        head = struct.pack("<4sHHHHH", b"PK\3\4", self.version, self.flags, method, 0, 33)
        head += struct.pack("<IIIHH", *self.said(), len(name), len(self.header_extra))
        return head + name + self.header_extra + self.bytes + self.gap

    def central(self, offset: int) -> bytes:
        head = struct.pack("<4sHHHHHH", b"PK\1\2", self.version, self.version, self.flags, self.method, 0, 33)
        head += struct.pack("<IIIHHHHHI", *self.said(), len(self.name), len(self.extra), 0, 0, 0, 0)
        return head + struct.pack("<I", offset if self.offset is None else self.offset) + self.name + self.extra


def deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def packed(*members: Member, before: bytes = b"") -> bytes:
    data, central = before, b""
    for member in members:
        central += member.central(len(data))
        data += member.local()
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, len(members), len(members), len(central), len(data), 0)
    return data + central + end


GOOD = Member()
ZIP64 = struct.pack("<HHQQ", 1, 16, 2**40, len(NPY))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(packed(GOOD), id="stored"),
        pytest.param(packed(replace(GOOD, method=8)), id="deflated"),
        pytest.param(packed(replace(GOOD, flags=8, gap=b"PK\7\10" + bytes(12))), id="sizes behind the data"),
        pytest.param(packed(replace(GOOD, header_extra=b"FB\4\0" + bytes(4))), id="padded"),
        pytest.param(packed(GOOD, replace(GOOD, name="é.npy".encode(), flags=0x800)), id="a name in UTF-8"),
        pytest.param(packed(replace(GOOD, name=b"a/b.c.npy")), id="a name with a folder"),
    ],
)
def test_archives(data):
    assert all(array.tolist() == TABLE.tolist() for array in read(data).values())


@given(
    st.dictionaries(
        st.text("ab/é ", min_size=1, max_size=4).filter(lambda name: all(name.split("/"))),
        arrays_of.arrays(np.int16, arrays_of.array_shapes(min_dims=0, max_dims=3)),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from([np.savez, np.savez_compressed]),
)
def test_what_numpy_saves_is_read(state, save):
    file = io.BytesIO()
    save(file, **state)
    found = read(file.getvalue())
    assert {name: array.tolist() for name, array in found.items()} == {
        name: array.tolist() for name, array in state.items()
    }


LONG = bytes(10**6)
REFUSED = {
    "no .npy": (packed(replace(GOOD, name=b"x.txt")), "expected an archive of .npy files, found x.txt"),
    "no name but the ending": (packed(replace(GOOD, name=b".npy")), "expected an archive of .npy files"),
    "a folder": (packed(replace(GOOD, name=b"x.npy/")), "expected an archive of .npy files"),
    "an archive in it": (packed(replace(GOOD, data=packed(GOOD))), "x.npy: expected a .npy file, found bytes"),
    "a pickle in it": (packed(replace(GOOD, data=npy(np.array([{}])))), "x.npy: expected a dtype"),
    "one name twice": (packed(GOOD, GOOD), "x.npy: expected every member once"),
    "a path upwards": (packed(replace(GOOD, name=b"../x.npy")), "names of members inside the archive"),
    "a path upwards within": (packed(replace(GOOD, name=b"a/../x.npy")), "names of members inside the archive"),
    "an absolute path": (packed(replace(GOOD, name=b"/x.npy")), "names of members inside the archive"),
    "another system's path": (packed(replace(GOOD, name=b"..\\x.npy")), "names of members inside the archive"),
    "a drive": (packed(replace(GOOD, name=b"C:x.npy")), "names of members inside the archive"),
    "a zero in the name": (packed(replace(GOOD, name=b"x.npy\0.txt")), "names of members inside the archive"),
    "a line feed in the name": (packed(replace(GOOD, name=b"x\n.npy")), "names of members inside the archive"),
    "no name": (packed(replace(GOOD, name=b"")), "names of members inside the archive"),
    "half a letter as name": (packed(replace(GOOD, name=b"\xc3.npy", flags=0x800)), "a whole zip archive"),
    "encrypted": (packed(replace(GOOD, flags=1)), "x.npy: expected a member that is not encrypted"),
    "strongly encrypted": (packed(replace(GOOD, flags=0x40)), "not encrypted"),
    "masked": (packed(replace(GOOD, flags=0x2000)), "not encrypted"),
    "bzip2": (
        packed(replace(GOOD, method=12)),
        "x.npy: expected members stored or deflated, found compression method 12",
    ),
    "lzma": (packed(replace(GOOD, method=14)), "found compression method 14"),
    "a later version": (packed(replace(GOOD, version=99)), "a whole zip archive"),
    "another CRC": (packed(replace(GOOD, crc=0)), "x.npy: expected the CRC-32"),
    "another CRC, deflated": (packed(replace(GOOD, crc=0, method=8)), "x.npy: expected the CRC-32"),
    "more than is stored": (packed(replace(GOOD, size=len(NPY) + 1)), "x.npy: expected no more than"),
    "less than is stored": (packed(replace(GOOD, size=len(NPY) - 1)), "x.npy: expected 151 bytes, found another"),
    "less than is deflated": (
        packed(replace(GOOD, method=8, size=len(NPY) - 1)),
        "expected 151 bytes, found another",
    ),
    "more than is deflated": (
        packed(replace(GOOD, method=8, size=len(NPY) + 1)),
        "expected 153 bytes, found another",
    ),
    "no deflate": (packed(replace(GOOD, method=8, packed=NPY)), "x.npy: expected deflated bytes"),
    "a deflate of no kind": (packed(replace(GOOD, method=8, packed=b"\xff" * 152)), "expected deflated bytes, found"),
    "half of a deflate": (packed(replace(GOOD, method=8, packed=deflate(NPY)[:-9])), "expected deflated bytes up to"),
    "bytes after a deflate": (
        packed(replace(GOOD, method=8, packed=deflate(NPY) + b"x")),
        "expected deflated bytes up to",
    ),
    "another name before the data": (packed(replace(GOOD, header_name=b"y.npy")), "as the archive's directory says"),
    "another method before the data": (packed(replace(GOOD, header_method=8)), "as the archive's directory says"),
    "no header": (packed(replace(GOOD, offset=3)), "as the archive's directory says"),
    "the same bytes twice": (packed(GOOD, replace(GOOD, name=b"y.npy", offset=0)), "found one that overlaps"),
    "a header inside another": (
        packed(replace(GOOD, data=replace(GOOD, name=b"y.npy").local()), replace(GOOD, name=b"y.npy", offset=35)),
        "found one that overlaps",
    ),
    "data in the directory": (packed(replace(GOOD, packed_size=len(NPY) + 9, size=len(NPY) + 9)), "that overlaps"),
    "data reached by extra": (
        packed(replace(GOOD, header_extra=b"")).replace(b"\5\0\0\0x.npy", b"\5\0\x20\0x.npy", 1),
        "that overlaps",
    ),
    "a size of zip64": (
        packed(replace(GOOD, size=2**32 - 1, packed_size=2**32 - 1, extra=ZIP64)),
        "at most 1073741824 bytes",
    ),
    "an offset behind the end": (packed(replace(GOOD, offset=2**31)), "found one that overlaps"),
    "offsets behind the end": (
        packed(*(replace(GOOD, name=b"%d.npy" % n, offset=2**20 + 999 * n) for n in range(2))),
        "found one that overlaps",
    ),
    "a bomb that says so": (packed(replace(GOOD, method=8, data=LONG, size=2**30)), "x.npy: expected no more than"),
    "bombs together": (
        packed(*(replace(GOOD, name=b"%d.npy" % n, size=2**29, packed_size=2**20) for n in range(3))),
        "at most 1073741824 bytes in the archive's members, found 1610612736",
    ),
    "no directory": (packed(GOOD)[:-22], "a whole zip archive"),
    "an end alone": (b"PK\3\4" + packed(GOOD)[-22:], "a whole zip archive"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    data, problem = REFUSED[case]
    assert problem in refused(data)


@pytest.mark.parametrize("method", [0, 8])
def test_truncated_at_every_byte(method):
    data = packed(replace(GOOD, method=method), replace(GOOD, name=b"y.npy"))
    for size in range(len(data)):
        refused(data[:size])


def peak(data: bytes) -> int:
    tracemalloc.start()
    try:
        refused(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_bomb_that_says_less_is_not_unpacked():
    """64 MB that say that they are 1,000 bytes."""
    data = packed(replace(GOOD, method=8, data=bytes(2**26), size=1000, crc=0))
    assert "expected 1000 bytes, found another number" in refused(data)
    assert peak(data) < 2**19


def test_many_members_are_counted_before_they_are_read():
    entry = GOOD.central(0)
    data = GOOD.local() + entry * 300_000
    data += struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, len(entry) * 300_000, len(GOOD.local()), 0)
    assert "at most 16384 members, found 300000" in refused(data)
    assert peak(data) < 2**16


def test_the_bounds_themselves(monkeypatch):
    monkeypatch.setattr(archive, "MAX_MEMBERS", 2)
    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 2 * len(NPY))
    two = [replace(GOOD, name=b"%d.npy" % n) for n in range(2)]
    assert len(read(packed(*two))) == 2
    assert "at most 2 members, found 3" in refused(packed(*two, GOOD))
    assert "at most 304 bytes" in refused(packed(GOOD, replace(GOOD, name=b"y.npy", data=npy(np.zeros(9)))))


def test_the_helper_makes_what_zipfile_makes():
    ours, theirs = packed(GOOD, replace(GOOD, name=b"y.npy")), zipped({"x.npy": NPY, "y.npy": NPY})
    for data in (ours, theirs):
        with zipfile.ZipFile(io.BytesIO(data)) as found:
            assert found.testzip() is None
            assert found.namelist() == ["x.npy", "y.npy"]
