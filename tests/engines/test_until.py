"""Monte Carlo until the error of a chance is as wished for: the same futures, fewer or more of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.engines.protocol import EngineError
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards
from funnelsim.vocabulary.randomness import Streams

EDGES = ["2026-10-01", "2026-10-20", "2026-11-20"]
TARGET = 120.0


def small_funnel() -> fs.Funnel:
    """Two stages known from few exits, so that draws and luck both matter."""
    exits = (
        np.array([[0, 3.0, 0, 2], [0, 12, 1, 9], [0, 1, 0, 2]]),
        np.array([[0, 0, 2.0, 1], [1, 0, 9, 7], [0, 0, 2, 3]]),
    )
    at_risk = np.array([60.0, 500.0, 200.0])
    hazards = tuple(StageHazards(np.array([0, 1, 11]), e, at_risk, e.sum(axis=0) / e.sum()) for e in exits)
    amounts = Amounts(np.array([4.0, 10.0, 60.0]), np.array([5.0, 4.0, 1.0]))
    arrivals = Arrivals(7, 6.0, 9.0, 0.25, np.array([5.0, 2.0]))
    return fs.Funnel(fs.Stages.named(["a", "b"]), fs.Clock("day"), hazards, arrivals, amounts)


def position(n: int = 40) -> fs.Pipeline:
    clock = fs.Clock("day")
    return fs.Pipeline(
        clock=clock,
        cutoff_step=int(clock.step_of("2026-09-30")),
        deal_ids=np.array([f"D{i}" for i in range(n)], dtype=object),
        stage=np.arange(n) % 2,
        age_steps=np.arange(n) % 15,
        amount=np.where(np.arange(n) % 9 == 0, np.nan, 5.0 + np.arange(n) % 7),
        won_step=np.zeros(0, np.int64),
        won_amount=np.zeros(0),
    )


def run(engine: fs.MonteCarlo, seed: int = 1, **keywords: object) -> fs.Forecast:
    given = {"periods": EDGES, "target": TARGET, "engine": engine, "seed": seed} | keywords
    return fs.forecast(small_funnel(), position(), **given)


def test_the_wish_is_met_with_the_futures_of_so_many_draws() -> None:
    """To the bit those of the plain engine; chances of deals are merged from parts, to rounding."""
    outlook = run(fs.MonteCarlo(n_futures=2_000, until_se=0.006))
    assert float(outlook.chance().standard_error) <= 0.006
    assert outlook.n_draws > 200  # more than one part
    assert f"after {outlook.n_futures:,} futures in {outlook.n_draws:,} draws" in outlook.notes[-1]
    plain = run(fs.MonteCarlo(n_futures=20 * outlook.n_draws, n_draws=outlook.n_draws))
    np.testing.assert_array_equal(outlook.draws(), plain.draws())
    np.testing.assert_allclose(outlook.deals.chance, plain.deals.chance, rtol=1e-12)
    np.testing.assert_allclose(outlook.deals.chance_sd, plain.deals.chance_sd, rtol=1e-9)
    assert outlook.chance() == plain.chance()


def test_it_stops_at_once_where_little_is_wished_for() -> None:
    outlook = run(fs.MonteCarlo(n_futures=2_000, until_se=0.2))
    assert (outlook.n_futures, outlook.n_draws) == (4_000, 200)
    assert "(1 rounds)" in outlook.notes[-1]


def test_a_wish_out_of_reach_ends_at_the_most_futures_and_says_what_limits_it() -> None:
    by_draws = run(fs.MonteCarlo(n_futures=20_000, until_se=0.0005, most_futures=45_000))
    assert by_draws.n_futures == 40_000  # 200 draws of 200
    assert "most_futures=45,000 came first" in by_draws.notes[-1]
    assert "give fewer futures for each draw" in by_draws.notes[-1]
    by_luck = run(fs.MonteCarlo(n_futures=100, until_se=0.0005, most_futures=250))
    assert by_luck.n_futures == 250
    assert "take the exact engine" in by_luck.notes[-1]


@pytest.mark.usefixtures("all_threads")
def test_the_answer_depends_on_the_seed_alone() -> None:
    one, other = (run(fs.MonteCarlo(n_futures=1_000, until_se=0.01, workers=n)) for n in (1, 2))
    np.testing.assert_array_equal(one.draws(), other.draws())
    assert one.notes == other.notes


@pytest.mark.thorough
def test_levers_are_paired_with_the_draws_that_the_base_took() -> None:
    engine = fs.MonteCarlo(n_futures=1_000, until_se=0.007)
    found = fs.compare_levers(
        small_funnel(), position(), target=TARGET, levers=[fs.Volume(1.3)], periods=EDGES, engine=engine
    )
    assert found.base.n_draws > 200
    assert found.outlooks[0].n_futures == found.base.n_futures
    np.testing.assert_array_equal(found.outlooks[0].outcome.open_wins, found.base.outcome.open_wins)


@pytest.mark.slow
def test_the_error_promised_is_the_error_made() -> None:
    """Over 100 seeds the chances spread as promised: d is an error understated by two fifths.

    Stopping on an estimated error favours estimates that are too small: by 15 %, as the engine says.
    """
    found = [run(fs.MonteCarlo(n_futures=1_000, until_se=0.01), seed).chance() for seed in range(100)]
    spread = np.std([float(chance.value) for chance in found], ddof=1)
    promised = np.sqrt(np.mean([chance.standard_error**2 for chance in found]))
    assert abs(spread / promised - 1.15) < 1.15 * 4 / np.sqrt(2 * 99)
    assert spread < 0.01 * (1 + 4 / np.sqrt(2 * 99))


@pytest.mark.parametrize("wish", [0.0, -0.1, 0.5, 5.0])
def test_a_wish_that_is_no_error_of_a_chance_is_refused(wish: float) -> None:
    with pytest.raises(EngineError, match=r"half a point as 0\.005"):
        fs.MonteCarlo(until_se=wish)


def test_a_wish_needs_a_target_and_room_for_a_first_round() -> None:
    engine = fs.MonteCarlo(n_futures=1_000, until_se=0.01)
    with pytest.raises(EngineError, match="give both"):
        run(engine, target=None)
    with pytest.raises(EngineError, match="less than the first round"):
        run(replace(engine, most_futures=900))
    pipeline = position()
    periods = fs.Periods.parse(EDGES, pipeline.clock, pipeline.cutoff_step)
    with pytest.raises(EngineError, match=r"forecast\(target=\.\.\.\)"):
        engine.run(small_funnel(), pipeline, periods, Streams(1))
