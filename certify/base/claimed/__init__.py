"""A ticket that somebody claims: their base network, their masks, and base ⊙ mask.

Bytes come in, and what is in them is judged twice. What cannot be read, or is not said clearly enough to be read in
one way only, is an `InputError`. What can be read and is false before anything has to be proved (a mask that is none,
a weight that is not its seed's, a change that is no pruning) is a `FalseClaimError`. Nothing here is guessed: which
array is which layer, on what scale its numbers stand and which of two public meanings a fraction has, a layout says.

Whether base ⊙ mask equals the target is not asked here; `certify.proof` decides that. Nor is where the files came
from: docs/claims.md lists the formats.
"""

from certify.base.claimed.files import BaseFiles
from certify.base.claimed.masks import pruned, read_masks
from certify.base.claimed.read import Base, read_base

__all__ = ["Base", "BaseFiles", "pruned", "read_base", "read_masks"]
