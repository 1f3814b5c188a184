"""What a ticket is to be like: few kept edges, few hidden units, or the first that is found.

sparsest  every weight takes the fewest products of its input's block, which is as short as the block can be
width     the fewest hidden units: any unit may serve any input, and each input takes those that it has most use for
first     every weight takes the products that reach it first, as an early-stopping search does

A number of kept edges for each weight can be asked for besides (Natale et al. 2024, on the sparsity of strong lottery
tickets: random subset sums of a fixed size). A weight of 0 keeps none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from solvers import subset_sum
from solvers.subset_sum import ANY, Count

Objective: TypeAlias = Literal["sparsest", "width", "first"]
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)


@dataclass(frozen=True)
class Goal:
    """What a ticket is to be like.

    Attributes:
        objective: what there should be little of.
        count: how many products a weight, and each half of it, takes; a bound means the sparsest within it.
    """

    objective: Objective = "sparsest"
    count: Count = ANY

    @property
    def subsets(self) -> subset_sum.Objective:
        """Which of the subsets within a block is taken."""
        return "first" if self.objective == "first" else "sparsest"


SPARSEST = Goal()
