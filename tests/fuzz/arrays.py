"""Files of arrays: .npy, .npz, safetensors, PyTorch's two containers; what is read is written as .npz and read again.

Bytes that a mutation has changed in a zip archive fail at the first CRC-32. So half of the changes are made to one
member, and the archive is made anew around it; a changed header of safetensors has its length made right.
"""

from __future__ import annotations

import io
import random
import struct
import zipfile

import numpy as np
from fuzz.mutations import damage, edit_json
from fuzz.target import ROOT, Target
from torch_files import save, zipped

from certify.errors import InputError
from certify.network.arrays import File, read_arrays


def check(data: bytes) -> bool:
    try:
        found = read_arrays([File("file.npy", data)])
    except InputError as error:
        if not str(error).isprintable():
            raise
        return False
    for array in found.values():
        assert array.flags.c_contiguous
        assert array.dtype.isnative
        assert array.dtype.kind in "biuf"
    again = read_arrays([File("again", npz(list(found.values())))])
    for before, after in zip(found.values(), again.values(), strict=True):
        assert (before.dtype, before.shape, before.tobytes()) == (after.dtype, after.shape, after.tobytes())
    return True


def npz(arrays: list[np.ndarray], compression: int = zipfile.ZIP_STORED) -> bytes:
    return zipped({f"{number}.npy": npy(array) for number, array in enumerate(arrays)}, compression)


def npy(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version, allow_pickle=False)
    return file.getvalue()


def seeds() -> list[bytes]:
    table = np.arange(6, dtype=np.float32).reshape(2, 3)
    mask = np.array([[True, False], [False, True]])
    state = {"fc.weight": table.T, "fc.bias": np.arange(3, dtype=">i2"), "steps": np.array(7)}
    saved = {"state_dict": state, "epoch": 3, "lr": 0.5, "names": ["a", ("b", None)]}
    single = [npy(table), npy(np.asfortranarray(table), (2, 0)), npy(mask, (3, 0)), npy(np.zeros((0, 3), ">u8"))]
    archives = [npz([table, mask]), npz([table, mask, np.zeros(500)], zipfile.ZIP_DEFLATED)]
    torch = [save(saved, legacy=legacy, protocol=protocol) for legacy in (False, True) for protocol in (2, 4)]
    torch.append(save({"w": table, "u": np.arange(3, dtype=np.uint8)}, big=True))
    claims = [
        path.read_bytes() for path in sorted((ROOT / "tests" / "data" / "claims").iterdir()) if path.suffix != ".md"
    ]
    return single + archives + torch + claims


def mutate(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.5:
        if data.startswith(b"PK"):
            return _in_archive(data, rng)
        if data[8:9] == b"{":
            return _in_header(data, rng)
    return damage(data, rng)


def _in_archive(data: bytes, rng: random.Random) -> bytes:
    """Change one member, its data or its name, and write the archive again."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except Exception:  # noqa: BLE001 - on damaged archives zipfile raises a dozen kinds
        return damage(data, rng)
    if not members:
        return damage(data, rng)
    name = rng.choice(sorted(members))
    if rng.random() < 0.9:
        members[name] = damage(members[name], rng)
    else:
        members[rng.choice([name + "y", "../" + name, name.partition("/")[2] or "x"])] = members.pop(name)
    return zipped(members, rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))


def _in_header(data: bytes, rng: random.Random) -> bytes:
    end = 8 + int.from_bytes(data[:8], "little")
    header = edit_json(data[8:end], rng)
    return struct.pack("<Q", len(header)) + header + data[end:]


WORDS = (
    *(b"\x93NUMPY\x01\x00", b"'descr': '<f4'", b"'fortran_order': True", b"'shape': (2, 3)", b"|O", b"PK\x03\x04"),
    *(b"PK\x01\x02", b"PK\x05\x06", b'"dtype":"BF16"', b'"shape":[2,3]', b'"data_offsets":[0,24]', b"__metadata__"),
    *(
        b"\x80\x02",
        b"\x80\x04\x95",
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        b"ctorch\nFloatStorage\n",
        b"cos\nsystem\n",
    ),
    *(
        b"ccollections\nOrderedDict\n)R",
        b"tQ",
        b"tR",
        b"q\x01",
        b"h\x01",
        b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.",
        b"X\x07\0\0\0storage",
    ),
)

TARGET = Target("arrays", check, seeds, mutate, WORDS, peak=lambda size: 2**20 + 4000 * size)
