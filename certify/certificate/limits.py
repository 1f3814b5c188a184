"""How much a certificate may be, in every direction: what is beyond is refused before it is worked on.

The limits on JSON are in `certify.network.json_limits`, those on networks in `certify.network.limits`. All of them
are in one table in docs/reading.md, with what the largest honest certificates need.
"""

from __future__ import annotations

from certify.network.limits import MAX_LAYERS

MAX_BYTES = 2**27
"""Of a certificate's file."""
MAX_AROUND = 2**16
"""Bytes of an envelope besides its payload: keys, signatures, white space."""
MAX_SIGNATURES = 16
MAX_VERIFIED = 2**34
"""Bytes that are hashed to see that no stranger's signature is a trusted key's: half a minute."""
MAX_TARGET_BYTES = 2**26
"""Of each file in a statement, decoded: what the program reads as a file of its own."""
MAX_MASKS = 2 * MAX_LAYERS
MAX_FILES = 2**12
"""Of a base network that somebody has."""
MAX_UNITS = 2**24
"""Hidden units of one pair of matrices, in each group."""
MAX_COPIES = 2**22
"""Copies, and constant lines beside them, that the layers of Theorem 2's network read, all together: there is a
number for each, however few bytes its mask has."""
MAX_MASK_NUMBERS = 2**24
"""Of all masks together: one for every row, and one for every kept weight."""
MAX_ENTRIES = 64
"""Of a table by name: kinds of obligations, versions."""
MAX_SEED = 2**17
"""Characters of a seed: a command line has no more."""
MAX_TEXT = 2**16
"""Characters of what is said of a model's tensors."""
MAX_RLIMIT = 200_000_000
"""z3's steps for a question that an audit grants a certificate unasked: ten times what a proof has by default."""
