"""Two graphs numbered together, plane by plane: what gets one number in both is one function of the inputs.

This is value numbering, as compilers do it, for integer networks. From the inputs up every element of every tensor
gets a number; elements that are the same sum of the same numbers, followed by the same function of one integer, get
the same. So nothing that only moves, renames, repeats or drops what has no influence leaves a trace: channels in
another order, twice or dead, padding inside an operator or before it, a dense layer as a 1×1 convolution, tensors in
another layout, constants folded, steps cut at other places or written in other words. docs/congruence.md has the
argument.
"""
