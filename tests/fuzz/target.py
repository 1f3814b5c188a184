"""What both drivers know of a target: how to read bytes and judge the result, where to begin, how to change bytes.

The property is the same for every reader: any bytes give a valid value or the one documented exception, and where the
reader has an inverse, what the inverse wrote is read back as the same. `check` says True for a value, False for
the exception; anything else that it raises is a finding.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Target:
    """One reader of untrusted bytes.

    Attributes:
        name: how the campaign is asked for it.
        check: reads and judges.
        seeds: bytes to begin with, most of them accepted.
        mutate: changes bytes in ways that the format makes likely to matter.
        words: what the format is made of, for the mutator of a coverage-guided driver.
        peak: how many bytes of memory reading n bytes may take at most.
        max_length: the longest input of a campaign.
        max_megabytes: what a campaign's process may take.
        max_runs: after how many inputs a campaign ends early; -1: never.
    """

    name: str
    check: Callable[[bytes], bool]
    seeds: Callable[[], list[bytes]]
    mutate: Callable[[bytes, random.Random], bytes]
    words: tuple[bytes, ...] = ()
    peak: Callable[[int], int] = lambda size: 2**20 + 150 * size
    max_length: int = 1 << 15
    max_megabytes: int = 512
    max_runs: int = -1
