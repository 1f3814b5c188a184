"""Which base network to draw for a target: the width at which a ticket is in it with a wanted probability.

`arrival` measures, or for binary networks computes, how often one weight has no subset sum among n items. `network`
combines these into the probability that all weights of a target have theirs, between two ends. `plan` looks for the
least width, and for the precision δ of the fewest parameters.
"""
