"""The kernels of the experiments again, in the slowest way: Python's integers, and sets of sums."""

from __future__ import annotations

import hashlib
from itertools import product

WORD = 2**64 - 1


class Stream:
    """SplitMix64."""

    def __init__(self, seed, name):
        self._state = int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:8], "little")

    def below(self, count):
        self._state = (self._state + 0x9E3779B97F4A7C15) & WORD
        word = self._state
        word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & WORD
        word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & WORD
        return (word ^ (word >> 31)) * count >> 64

    def nonzero(self, largest):
        value = self.below(2 * largest) - largest
        return value + (value >= 0)


def subset_sums(items):
    return {
        sum(x for x, taken in zip(items, chosen, strict=True) if taken)
        for chosen in product((0, 1), repeat=len(items))
    }


def power_of_two(number):
    return number & -number


def cause(goal, items):
    if not sum(min(x, 0) for x in items) <= goal <= sum(max(x, 0) for x in items):
        return 0
    return 1 if power_of_two(goal) < min(power_of_two(x) for x in items if x) else 2


def failures(stream, draws, most, products, bits, target_bits, goals):
    """By number of items, how many draws miss a goal, and why the first of them is missed."""
    counts = [[0, 0, 0] for _ in range(most + 1)]
    for _ in range(draws):
        firsts, missed = [], {}
        for _ in range(goals):
            goal = stream.below(2 * 2**target_bits + 1) - 2**target_bits
            goal *= 2 ** ((2 * bits if products else bits) - target_bits)
            items = []
            while len(items) <= most and goal not in subset_sums(items):
                missed.setdefault(len(items), cause(goal, items))
                if products and len(firsts) == len(items):
                    firsts.append(stream.below(2**bits) + 1)
                v = stream.below(2 ** (bits + 1) + 1) - 2**bits if products else None
                items.append(firsts[len(items)] * v if products else stream.nonzero(2**bits))
        for number, why in missed.items():
            counts[number][why] += 1
    return counts


def perfect_partitions(stream, draws, count, largest):
    found = 0
    for _ in range(draws):
        items = [stream.below(largest) + 1 for _ in range(count)]
        differences = [
            abs(sum(x * sign for x, sign in zip(items, signs, strict=True)))
            for signs in product((1, -1), repeat=count)
        ]
        found += min(differences) <= 1
    return found


def solvable(stream, draws, count, largest, goal):
    return sum(goal in subset_sums([stream.nonzero(largest) for _ in range(count)]) for _ in range(draws))
