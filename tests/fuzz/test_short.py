"""A short run over every target, the same each time: changed seeds and arbitrary bytes, read within bounded memory.

`campaign.py` is the long one.
"""

from __future__ import annotations

import tracemalloc

import pytest
from fuzz.targets import TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SHORT = settings(
    max_examples=150,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
)
NAMES = pytest.mark.parametrize("name", TARGETS)


@NAMES
def test_seeds_are_read(name):
    target = TARGETS[name]
    read = [target.check(seed) for seed in target.seeds()]
    assert any(read)
    assert all(read) or name in {"keys", "signers"}, "only of these are there seeds to be refused"


@NAMES
def test_changed_seeds(name):
    target = TARGETS[name]
    seeds = target.seeds()
    results = set()

    @SHORT
    @given(st.integers(0, len(seeds) - 1), st.randoms(use_true_random=False))
    def run(number, rng):
        results.add(target.check(target.mutate(seeds[number], rng)))

    run()
    assert results == {True, False}, "some changes are harmless and some are not"


@NAMES
def test_arbitrary_bytes(name):
    target = TARGETS[name]

    @SHORT
    @given(st.binary(max_size=400) | st.lists(st.sampled_from([*target.words, b" ", b",", b"0"])).map(b"".join))
    def run(data):
        target.check(data)

    run()


@NAMES
def test_truncated_seeds(name):
    """At every byte of a short seed, and at many of a long one."""
    target = TARGETS[name]
    for seed in target.seeds():
        for size in range(0, len(seed), 1 + len(seed) // 200):
            target.check(seed[:size])


@NAMES
def test_memory_is_bounded_by_the_size(name):
    target = TARGETS[name]
    seeds = target.seeds()

    @settings(SHORT, max_examples=60)
    @given(st.integers(0, len(seeds) - 1), st.randoms(use_true_random=False))
    def run(number, rng):
        data = target.mutate(seeds[number], rng)
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        target.check(data)
        _, peak = tracemalloc.get_traced_memory()
        assert peak - before <= target.peak(len(data))

    tracemalloc.start()
    try:
        run()
    finally:
        tracemalloc.stop()
