"""`strict_json` and `canonical`: one reading of the bytes, held against another parser's, and one way to write it."""

from __future__ import annotations

import msgspec
from fuzz import network
from fuzz.mutations import edit_json
from fuzz.target import Target

from certify.certificate.canonical import canonical
from certify.errors import InputError
from certify.network.strict_json import EXACT_IN_DOUBLES, parse


def check(data: bytes) -> bool:
    try:
        document = parse(data, EXACT_IN_DOUBLES)
    except InputError:
        return False
    try:
        written = canonical(document)
    except InputError as error:
        if error.problem != "expected a document nested less deeply":
            raise
        return False
    assert parse(written, EXACT_IN_DOUBLES) == document
    assert canonical(parse(written, EXACT_IN_DOUBLES)) == written
    assert msgspec.json.decode(data) == document
    return True


def seeds() -> list[bytes]:
    small = [
        b'{"b":[1,-2,9007199254740991,true,false,null],"a":{"":"\\u00e4\\n\\ud83d\\ude00"}}',
        b' [ {"a" : 0 , "b" : [ ] } , "\\u0000/\\/" ]\r\n',
        b'"\\"\\\\"',
        b"-0",
        b"[" * 40 + b"]" * 40,
    ]
    return small + network.seeds()[:3]


WORDS = (b"\\ud83d", b"\\ude00", b"\\u0000", b"1e3", b"1.0", b"NaN", b"-Infinity", b"\xef\xbb\xbf", b'"a":', b"[[[[")

TARGET = Target("strict_json", check, seeds, edit_json, WORDS, max_megabytes=4096)
