"""Two networks whose structure is not known, unit by unit: what of the one is already computed in the other?

The idea is that of equivalence checking in hardware (sweeping at the level of words), for integer networks: from the
inputs up, every unit is written as an affine combination of units that are known already, a candidate for that comes
from values at some points and arithmetic, and z3 proves it before anything rests on it. What is equal ends as the
same combination of the same *atoms*, and whatever was permuted, scaled, split, duplicated or dead is gone.
"""
