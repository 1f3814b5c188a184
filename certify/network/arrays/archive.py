"""The members of a zip archive, held in memory: found by `zipfile`, unpacked by ourselves within bounds.

An archive says twice what is in it, in the central directory at its end and in a header before each member, and it
may say there whatever it likes. So:

- signatures of central entries are counted before `zipfile` makes an object of each;
- names come once, and lead nowhere but into the archive;
- members lie one after the other: bytes that count for several members are how a small archive unpacks to petabytes;
- what all of them say they unpack to is bounded, and no more is made of one of them than it says; deflate packs at
  most 1,032 to 1 (https://zlib.net/zlib_tech.html), so who says more lies;
- each has exactly the length and the CRC-32 that the directory says.

Encrypted members, other compression than deflate, and archives over several disks are refused.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass

from certify.errors import InputError
from certify.network.arrays.file import MAX_ARRAYS, MAX_UNPACKED_BYTES, shorten

BEGINNINGS = (b"PK\x03\x04", b"PK\x05\x06")
MAX_MEMBERS = MAX_ARRAYS
_DEFLATE_RATIO = 1032
_HEADER = struct.Struct("<4sHHHHHIIIHH")
"""Signature, version, flags, method, time, date, CRC-32, packed and unpacked size, lengths of name and of extra."""
_HEADER_SIGNATURE = b"PK\x03\x04"
_ENTRY_SIGNATURE = b"PK\x01\x02"
_ALLOWED_FLAGS = 0b1000_0000_1110
"""How hard deflate tried, sizes behind the data, names in UTF-8. Not among them: encryption, patches, masks."""
_UTF8 = 0b1000_0000_0000
_ZIPFILE_ERRORS = (
    zipfile.BadZipFile,
    NotImplementedError,
    ValueError,
    EOFError,
    OSError,
    OverflowError,
    IndexError,
    struct.error,
)


@dataclass(frozen=True, eq=False)
class Member:
    """One member, still packed.

    Attributes:
        name: as the central directory has it.
        packed: its bytes in the archive.
        size: how many bytes they unpack to, as the directory says.
        crc: their CRC-32, as the directory says.
        deflated: whether they are packed at all.
    """

    name: str
    packed: memoryview
    size: int
    crc: int
    deflated: bool

    def read(self) -> bytes | memoryview:
        """Return what it unpacks to.

        Raises:
            InputError: something else than the directory says.
        """
        data = self._inflated() if self.deflated else self.packed
        if len(data) != self.size:
            raise InputError(f"expected {self.size} bytes, found another number", shorten(self.name))
        if zlib.crc32(data) != self.crc:
            raise InputError("expected the CRC-32 that the archive says, found another", shorten(self.name))
        return data

    def _inflated(self) -> bytes:
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            data = unpacker.decompress(self.packed, self.size + 1)
        except zlib.error:
            raise InputError("expected deflated bytes, found others", shorten(self.name)) from None
        if len(data) <= self.size and (not unpacker.eof or unpacker.unused_data):
            raise InputError("expected deflated bytes up to the member's end, found others", shorten(self.name))
        return data


def members(data: bytes) -> dict[str, Member]:
    """Return the members by name, in the order in which they lie; nothing is unpacked yet.

    Raises:
        InputError: it is no zip archive that is whole and within bounds.
    """
    if (entries := data.count(_ENTRY_SIGNATURE)) > MAX_MEMBERS:
        raise InputError(f"expected an archive of at most {MAX_MEMBERS} members, found {entries}")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos, end = archive.infolist(), archive.start_dir
    except _ZIPFILE_ERRORS:
        raise InputError("expected a whole zip archive, found none that can be read") from None
    _check_names(infos)
    if (total := sum(info.file_size for info in infos)) > MAX_UNPACKED_BYTES:
        raise InputError(f"expected at most {MAX_UNPACKED_BYTES} bytes in the archive's members, found {total}")
    ordered = sorted(infos, key=lambda info: info.header_offset)
    ends = [*(min(info.header_offset, end) for info in ordered), end][1:]
    found = [_member(info, end, data) for info, end in zip(ordered, ends, strict=True)]
    return {member.name: member for member in found}


def _check_names(infos: list[zipfile.ZipInfo]) -> None:
    found = set()
    for info in infos:
        name = info.orig_filename
        if not name.isprintable() or "\\" in name or ":" in name or {"", ".."} & set(name.rstrip("/").split("/")):
            raise InputError(f"expected names of members inside the archive, found {shorten(repr(name))}")
        if name in found:
            raise InputError("expected every member once, found it twice", shorten(name))
        found.add(name)


def _member(info: zipfile.ZipInfo, end: int, data: bytes) -> Member:
    """Return the member, which has to be over before the byte `end`, where the next one begins."""
    name = shorten(info.orig_filename)
    if info.flag_bits & ~_ALLOWED_FLAGS:
        raise InputError("expected a member that is not encrypted, found flags of one that is", name)
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise InputError(f"expected members stored or deflated, found compression method {info.compress_type}", name)
    deflated = info.compress_type == zipfile.ZIP_DEFLATED
    if info.file_size > info.compress_size * (_DEFLATE_RATIO if deflated else 1):
        raise InputError(f"expected no more than {info.compress_size} bytes can hold, found {info.file_size}", name)
    start = _data_start(info, end, data)
    if start + info.compress_size > end:
        raise InputError("expected members one after the other, found one that overlaps the next", name)
    packed = memoryview(data)[start : start + info.compress_size]
    return Member(info.orig_filename, packed, info.file_size, info.CRC, deflated)


def _data_start(info: zipfile.ZipInfo, end: int, data: bytes) -> int:
    """Return where the member's bytes begin, behind a header that has to agree with the directory."""
    name = shorten(info.orig_filename)
    if not 0 <= info.header_offset <= end - _HEADER.size:
        raise InputError("expected members one after the other, found one that overlaps the next", name)
    signature, _, _, method, *_, name_length, extra_length = _HEADER.unpack_from(data, info.header_offset)
    begin = info.header_offset + _HEADER.size
    said = info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437")
    written = data[begin : begin + name_length]
    if (signature, method, written) != (_HEADER_SIGNATURE, info.compress_type, said):
        raise InputError("expected a header as the archive's directory says, found another", name)
    return begin + int(name_length) + int(extra_length)
