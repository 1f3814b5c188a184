"""The form of all statements, field by field: what msgspec holds a payload's JSON against.

Every struct is closed: an unknown key is refused, and so is a known one in another case. docs/formats.md says what
the fields mean; whether they hold is found out by building the statement again.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from certify.base.law import (
    CONSTRUCTIONS,
    GENERATOR,
    MAX_PRECISION_BITS,
    QUANTIZATIONS,
    Construction,
    Quantization,
)
from certify.certificate.limits import MAX_ENTRIES, MAX_FILES, MAX_MASKS, MAX_SEED, MAX_TEXT, MAX_UNITS
from certify.network.limits import MAX_LAYERS
from certify.network.reader import FORMAT
from certify.network.rounding import RULES, Rule
from certify.network.target import ONNX, TFLITE

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
EXACT_TICKET = "urn:certify:exact-ticket:v1"
EXACT_TICKET_2 = "urn:certify:exact-ticket:v2"
EQUIVALENCE = "urn:certify:equivalence:v1"
TICKET_TYPES: dict[Construction, str] = {
    "theorem-1": EXACT_TICKET,
    "theorem-2": EXACT_TICKET_2,
    "binary": EXACT_TICKET_2,
}
"""The one predicate type of each construction; their statements are the same field by field. With another activation
than ReLU it is the second for all."""
PRUNED = "pruned-base"
# What each closed field may hold, for the errors; where the statements differ, EQUIVALENCE_CHOICES has the second's.
CHOICES = {
    "_type": STATEMENT_TYPE,
    "format": f"{FORMAT}, {TFLITE} or {ONNX}",
    "rule": ", ".join(RULES),
    "generator": GENERATOR,
    "construction": ", ".join(CONSTRUCTIONS),
    "blocks": "grown, shared or a number of units",
    "quantization": ", ".join(QUANTIZATIONS),
    "relation": "equal",
    "result": "proved",
    "strategy": "decomposition, sweep, merging or congruence",
}
EQUIVALENCE_CHOICES = CHOICES | {
    "format": f"{FORMAT}, {TFLITE} or {ONNX}, or on the right {PRUNED}",
    "relation": "equal, within or argmax",
}

_Bits = Annotated[int, msgspec.Meta(ge=0, le=MAX_PRECISION_BITS)]
_Units = Annotated[int, msgspec.Meta(ge=1, le=MAX_UNITS)]
# \Z, since $ would let a line break at the end pass.
_Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
_Name = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z_-]{1,64}\Z")]
_Version = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z.+!-]{1,64}\Z")]
_Natural = Annotated[int, msgspec.Meta(ge=0)]
_Seed = Annotated[str, msgspec.Meta(max_length=MAX_SEED)]
_Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
_Table = msgspec.Meta(max_length=MAX_ENTRIES)
_Integer: TypeAlias = int | str
_Strategy: TypeAlias = Literal["decomposition", "sweep", "merging", "congruence"]


class _Closed(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A struct without other keys than its own."""


class DigestForm(_Closed, frozen=True):
    sha256: _Sha256


class SubjectForm(_Closed, frozen=True):
    name: _Text
    digest: DigestForm


class NetworkForm(_Closed, frozen=True, tag_field="format", tag=FORMAT):
    """A target file that is a network."""

    bytes: str


class TFLiteForm(_Closed, frozen=True, tag_field="format", tag=TFLITE):
    """A target file that is converted to a network."""

    bytes: str
    rule: Rule
    network_sha256: _Sha256
    starts_after: _Text
    input_tensor: _Text
    ends_before: _Text
    output_tensor: _Text


class ONNXForm(_Closed, frozen=True, tag_field="format", tag=ONNX):
    """A target file in ONNX, converted so too."""

    bytes: str
    rule: Rule
    network_sha256: _Sha256
    starts_after: _Text
    input_tensor: _Text
    ends_before: _Text
    output_tensor: _Text
    input_grid: _Text


TargetForm: TypeAlias = NetworkForm | TFLiteForm | ONNXForm


class PrecisionForm(_Closed, frozen=True):
    drawn: _Bits
    kept: _Bits


class BaseForm(_Closed, frozen=True):
    generator: Literal["certify/base-network/1"]
    seed: _Seed
    construction: Construction
    blocks: Literal["grown", "shared"] | _Units
    widths: Annotated[list[_Units], msgspec.Meta(max_length=MAX_LAYERS)]
    precisions: Annotated[list[PrecisionForm], msgspec.Meta(max_length=MAX_LAYERS)]
    quantization: Quantization
    kept_sha256: _Sha256
    activation: Annotated[str, msgspec.Meta(max_length=len("leaky_relu:31"))] | msgspec.UnsetType = msgspec.UNSET


class MaskForm(_Closed, frozen=True):
    data: str
    sha256: _Sha256


class BoxForm(_Closed, frozen=True):
    """A box and the number of its points, in every claim."""

    low: _Integer | list[_Integer]
    high: _Integer | list[_Integer]
    points: list[tuple[_Integer, _Integer]]


class ClaimForm(BoxForm, frozen=True):
    relation: Literal["equal"]


class RelationForm(BoxForm, frozen=True):
    relation: Literal["equal", "within", "argmax"]
    bound: _Integer | None


class CountForm(_Closed, frozen=True):
    count: _Natural
    sha256: _Sha256


class SweepForm(_Closed, frozen=True):
    work: _Integer


class ProofForm(_Closed, frozen=True):
    """How a claim was proved, in every statement."""

    result: Literal["proved"]
    strategy: _Strategy
    obligations: Annotated[dict[_Name, CountForm], _Table]
    sweep: SweepForm | None


class TicketProofForm(ProofForm, frozen=True):
    neurons: _Natural


class EquivalenceProofForm(ProofForm, frozen=True):
    maximum: _Integer | None
    rlimit: Annotated[int, msgspec.Meta(ge=1, le=2**32 - 1)]


class SizesForm(_Closed, frozen=True):
    target_parameters: _Natural
    base_parameters: _Natural
    kept: _Natural
    lower_bound: _Natural
    ratio: str


class TicketForm(_Closed, frozen=True):
    """The predicate of an exact ticket, in both versions."""

    target: TargetForm
    base: BaseForm
    masks: Annotated[list[MaskForm], msgspec.Meta(max_length=MAX_MASKS)]
    claim: ClaimForm
    proof: TicketProofForm
    sizes: SizesForm
    versions: Annotated[dict[_Name, _Version], _Table]


class NamedNetworkForm(NetworkForm, frozen=True, tag_field="format", tag=FORMAT):
    """A file that is a network, and its name: the left one's is the subject's."""

    name: _Text


class NamedTFLiteForm(TFLiteForm, frozen=True, tag_field="format", tag=TFLITE):
    """A file that is converted to a network, and its name."""

    name: _Text


class NamedONNXForm(ONNXForm, frozen=True, tag_field="format", tag=ONNX):
    """A file in ONNX, converted so too, and its name."""

    name: _Text


class FileForm(_Closed, frozen=True):
    """A file of a base network, which its reader tells by its bytes."""

    name: _Text
    bytes: str


class ClaimedBaseForm(_Closed, frozen=True):
    files: Annotated[list[FileForm], msgspec.Meta(min_length=1, max_length=MAX_FILES)]
    layout: FileForm | None
    round_to: _Natural | None
    seed: _Seed | None
    rounded: _Natural


class PrunedForm(_Closed, frozen=True, tag_field="format", tag=PRUNED):
    """A base network that somebody has, and what pruning keeps of it."""

    base: ClaimedBaseForm
    masks: Annotated[list[MaskForm], msgspec.Meta(max_length=MAX_MASKS)]


class EquivalenceForm(_Closed, frozen=True):
    """The predicate of an equivalence."""

    left: TargetForm
    right: NamedNetworkForm | NamedTFLiteForm | NamedONNXForm | PrunedForm
    claim: RelationForm
    proof: EquivalenceProofForm
    versions: Annotated[dict[_Name, _Version], _Table]


_RENAMED = {"type_": "_type", "predicate_type": "predicateType"}


class StatementForm(_Closed, frozen=True, rename=_RENAMED):
    """What is around a predicate; its type says which one."""

    type_: Literal["https://in-toto.io/Statement/v1"]
    subject: Annotated[list[SubjectForm], msgspec.Meta(min_length=1, max_length=1)]
    predicate_type: str


class TicketStatementForm(StatementForm, frozen=True, rename=_RENAMED):
    predicate: TicketForm


class EquivalenceStatementForm(StatementForm, frozen=True, rename=_RENAMED):
    predicate: EquivalenceForm
