"""The form of a statement, field by field: what msgspec holds a payload's JSON against.

Every struct is closed: an unknown key, or a known one in another case, is refused. docs/formats.md says what the
fields mean; whether they hold is found out by building the statement again.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from certify.base.law import GENERATOR, MAX_PRECISION_BITS, QUANTIZATIONS, Quantization
from certify.network.reader import FORMAT
from certify.network.rounding import RULES, Rule
from certify.network.target import TFLITE

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:certify:exact-ticket:v1"
CONSTRUCTION = "theorem-1"
GROWN: Literal["grown"] = "grown"
# What each closed field may hold, for the errors.
CHOICES = {
    "_type": STATEMENT_TYPE,
    "format": f"{FORMAT} or {TFLITE}",
    "rule": ", ".join(RULES),
    "generator": GENERATOR,
    "construction": CONSTRUCTION,
    "blocks": f"{GROWN} or a number of units",
    "quantization": ", ".join(QUANTIZATIONS),
    "relation": "equal",
    "result": "proved",
    "strategy": "decomposition or sweep",
}

_Bits = Annotated[int, msgspec.Meta(ge=0, le=MAX_PRECISION_BITS)]
_Units = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
# \Z, since $ would let a line break at the end pass.
_Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
_Name = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z_-]{1,64}\Z")]
_Version = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z.+!-]{1,64}\Z")]
_Natural = Annotated[int, msgspec.Meta(ge=0)]


class _Closed(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A struct without other keys than its own."""


class DigestForm(_Closed, frozen=True):
    sha256: _Sha256


class SubjectForm(_Closed, frozen=True):
    name: str
    digest: DigestForm


class NetworkForm(_Closed, frozen=True, tag_field="format", tag=FORMAT):
    """A target file that is a network."""

    bytes: str


class TFLiteForm(_Closed, frozen=True, tag_field="format", tag=TFLITE):
    """A target file that is converted to a network."""

    bytes: str
    rule: Rule
    network_sha256: _Sha256
    starts_after: str
    input_tensor: str
    ends_before: str
    output_tensor: str


class PrecisionForm(_Closed, frozen=True):
    drawn: _Bits
    kept: _Bits


class BaseForm(_Closed, frozen=True):
    generator: Literal["certify/base-network/1"]
    seed: str
    construction: Literal["theorem-1"]
    blocks: Literal["grown"] | _Units
    widths: list[_Units]
    precisions: list[PrecisionForm]
    quantization: Quantization
    kept_sha256: _Sha256


class MaskForm(_Closed, frozen=True):
    data: str
    sha256: _Sha256


class ClaimForm(_Closed, frozen=True):
    relation: Literal["equal"]
    low: int | str | list[int | str]
    high: int | str | list[int | str]
    points: list[tuple[int | str, int | str]]


class CountForm(_Closed, frozen=True):
    count: _Natural
    sha256: _Sha256


class SweepForm(_Closed, frozen=True):
    work: int | str


class ProofForm(_Closed, frozen=True):
    result: Literal["proved"]
    strategy: Literal["decomposition", "sweep"]
    obligations: dict[_Name, CountForm]
    neurons: _Natural
    sweep: SweepForm | None


class SizesForm(_Closed, frozen=True):
    target_parameters: _Natural
    base_parameters: _Natural
    kept: _Natural
    lower_bound: _Natural
    ratio: str


class PredicateForm(_Closed, frozen=True):
    target: NetworkForm | TFLiteForm
    base: BaseForm
    masks: list[MaskForm]
    claim: ClaimForm
    proof: ProofForm
    sizes: SizesForm
    versions: dict[_Name, _Version]


class StatementForm(_Closed, frozen=True, rename={"type_": "_type", "predicate_type": "predicateType"}):
    type_: Literal["https://in-toto.io/Statement/v1"]
    subject: Annotated[list[SubjectForm], msgspec.Meta(min_length=1, max_length=1)]
    predicate_type: str
    predicate: PredicateForm
