"""A first look at the bytes of a protobuf: that they are well formed, and not a great many tiny things.

A parser makes an object of every message, and an empty message takes two bytes of a file and a hundred of memory. So
the fields are counted on the bytes, by the schema's own descriptors, before the parser runs. Of a string that is not
UTF-8 the parser makes bytes in the place of text, silently: such a string is refused here.
"""

from __future__ import annotations

from typing import Any

from certify.errors import InputError

MAX_BYTES = 2**26
MAX_FIELDS = 2**18
_MAX_DEPTH = 16
_VARINT, _EIGHT, _DELIMITED, _FOUR = 0, 1, 2, 5


def verify(data: bytes, descriptor: Any) -> None:
    """Check the bytes of a message.

    Args:
        data: the file.
        descriptor: protobuf's descriptor of the message that it is.

    Raises:
        InputError: more than `MAX_BYTES` bytes, more than `MAX_FIELDS` fields or 16 levels of messages, text that is
            not UTF-8, or bytes that are no protobuf.
    """
    if len(data) > MAX_BYTES:
        raise InputError(f"expected at most {MAX_BYTES} bytes, found {len(data)}")
    _Walk(data).message(0, len(data), descriptor, 0)


class _Walk:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._fields = 0

    def message(self, place: int, end: int, descriptor: Any, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise InputError(f"expected messages at most {_MAX_DEPTH} deep, found more")
        inner = descriptor.fields_by_number
        while place < end:
            self._fields += 1
            if self._fields > MAX_FIELDS:
                raise InputError(f"expected at most {MAX_FIELDS} fields, found more")
            tag, place = self._varint(place, end)
            start, place = self._skip(tag & 7, place, end)
            field = inner.get(tag >> 3)
            if field is None or tag & 7 != _DELIMITED:
                continue
            if field.message_type is not None:
                self.message(start, place, field.message_type, depth + 1)
            elif field.type == field.TYPE_STRING:
                self._text(start, place)

    def _text(self, start: int, end: int) -> None:
        """Check a string, of which protobuf makes bytes where it is none."""
        try:
            self._data[start:end].decode()
        except UnicodeDecodeError as error:
            problem = f"expected text in UTF-8, found byte {self._data[start + error.start]:#04x} in it"
            raise InputError(f"{problem} at byte {start + error.start}") from None

    def _skip(self, kind: int, place: int, end: int) -> tuple[int, int]:
        """Return where the content of a field begins and ends."""
        start = place
        if kind == _VARINT:
            _, place = self._varint(place, end)
        elif kind == _DELIMITED:
            length, start = self._varint(place, end)
            place = start + length
        elif kind in (_EIGHT, _FOUR):
            place += 8 if kind == _EIGHT else 4
        else:
            raise InputError(f"expected a field of a protobuf at byte {place}, found wire type {kind}")
        if place > end:
            raise InputError(f"expected a field to end by byte {end}, found its end at {place}: damaged or cut off")
        return start, place

    def _varint(self, place: int, end: int) -> tuple[int, int]:
        value = shift = 0
        while place < end and shift < 70:
            byte = self._data[place]
            value |= (byte & 127) << shift
            place, shift = place + 1, shift + 7
            if byte < 128:
                return value, place
        raise InputError(f"expected a whole number at byte {place}, found none: damaged or cut off")
