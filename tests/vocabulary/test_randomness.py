"""Named streams: one seed, one answer; other names and numbers, other draws."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from funnelsim.vocabulary.randomness import Streams

NAMES = ("routes", "arrivals", "arrival rate", "money", "missing amounts", "hazards", "traits")


def first(streams: Streams, name: str, *index: int) -> float:
    return float(streams.generator(name, *index).random())


def test_same_seed_name_and_index_give_the_same_draws() -> None:
    one, other = Streams(7), Streams.of(7)
    for name in NAMES:
        for index in ((), (0,), (3,), (3, 1)):
            a, b = one.generator(name, *index), other.generator(name, *index)
            assert (a.random(50) == b.random(50)).all()


def test_every_seed_name_and_index_has_draws_of_its_own() -> None:
    seen = {
        first(Streams(seed), name, *index)
        for seed in range(3)
        for name in NAMES
        for index in [(), *((i,) for i in range(40)), *((i, j) for i in range(20) for j in range(6))]
    }
    assert len(seen) == 3 * len(NAMES) * (1 + 40 + 120)


def test_order_of_use_is_irrelevant() -> None:
    keys = [(name, i) for name in NAMES for i in range(20)]
    forward, backward = Streams(3), Streams(3)
    there = {key: first(forward, *key) for key in keys}
    back = {key: first(backward, *key) for key in reversed(keys)}
    assert there == back
    used = Streams(3)
    used.generator("routes", 1).random(1000)
    assert first(used, "routes", 1) == there["routes", 1]


@pytest.mark.parametrize("neighbour", ["index", "second index", "name", "seed"])
def test_neighbouring_streams_are_uncorrelated(neighbour: str) -> None:
    """Catches a correlation of 0.06 between streams that differ in one key only."""
    n = 40_000
    a = np.concatenate([Streams(5).generator("routes", i, 0).standard_normal(100) for i in range(n // 100)])
    other = {
        "index": lambda i: Streams(5).generator("routes", i + 1000, 0),
        "second index": lambda i: Streams(5).generator("routes", i, 1),
        "name": lambda i: Streams(5).generator("arrivals", i, 0),
        "seed": lambda i: Streams(6).generator("routes", i, 0),
    }[neighbour]
    b = np.concatenate([other(i).standard_normal(100) for i in range(n // 100)])
    assert abs((a * b).mean()) < 4 / np.sqrt(n)
    with pytest.raises(AssertionError):  # negative control: a tie of 0.06 must be seen
        assert abs((a * (0.06 * a + b)).mean()) < 4 / np.sqrt(n)


def test_first_draws_over_indices_are_uniform() -> None:
    """One future takes one draw of each index: the largest gap it would miss is 0.027 (a = 1e-6)."""
    n = 20_000
    draws = np.sort([first(Streams(11), "routes", i) for i in range(n)])
    gap = max((np.arange(1, n + 1) / n - draws).max(), (draws - np.arange(n) / n).max())
    assert gap < np.sqrt(np.log(2 / 1e-6) / (2 * n))


def test_none_takes_fresh_entropy_and_keeps_it() -> None:
    seeds = {Streams.of(None).seed for _ in range(20)}
    assert len(seeds) == 20
    assert all(0 <= seed < 2**63 for seed in seeds)
    streams = Streams.of(None)
    assert first(Streams.of(streams.seed), "routes") == first(streams, "routes")


def test_generator_as_seed_is_used_up_and_repeatable() -> None:
    rng = np.random.default_rng(4)
    one, two = Streams.of(rng).seed, Streams.of(rng).seed
    assert one != two
    again = np.random.default_rng(4)
    assert (Streams.of(again).seed, Streams.of(again).seed) == (one, two)


def test_zero_is_a_seed() -> None:
    assert Streams.of(0).seed == 0
    assert Streams.of(np.int64(0)) == Streams(0)
    assert first(Streams.of(0), "routes") != first(Streams.of(1), "routes")


def test_global_generator_is_neither_read_nor_moved() -> None:
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    before = first(Streams(1), "routes")
    np.random.seed(1)  # noqa: NPY002
    assert first(Streams(1), "routes") == before
    np.random.seed(2)  # noqa: NPY002
    expected = np.random.get_state()[1].copy()  # noqa: NPY002
    Streams.of(None).generator("walk").random(10)
    assert (np.random.get_state()[1] == expected).all()  # noqa: NPY002
    assert len(state) == len(expected)


def test_answer_does_not_depend_on_the_process() -> None:
    """Python salts ``hash`` of text anew in every process: a seed must not."""
    code = (
        "from funnelsim.vocabulary.randomness import Streams\n"
        "print(Streams(1).generator('routes', 3).random())"
    )
    for salt in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": salt}
        run = [sys.executable, "-c", code]
        found = subprocess.run(run, capture_output=True, text=True, check=True, env=environment).stdout
        assert float(found) == first(Streams(1), "routes", 3)
