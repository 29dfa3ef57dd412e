"""One seed, one answer: whatever the number of workers, the order of deals or the number of futures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.engines import futures
from funnelsim.engines.chances import Positions, batch_chances
from funnelsim.numerics.amounts import Amounts
from funnelsim.vocabulary.randomness import Streams

SEED = 5
N_DRAWS = 60  # several batches, the last one short
ENGINE = fs.MonteCarlo(n_futures=600, n_draws=N_DRAWS)
FUTURES = ("open_wins", "new_wins", "open_bookings", "new_bookings")


@pytest.fixture(scope="module")
def history() -> fs.DealHistory:
    return fs.simulate_history(SEED, start="2025-01-01", as_of="2026-05-20", window_start="2025-03-01")


@pytest.fixture(scope="module")
def funnel(history: fs.DealHistory) -> fs.Funnel:
    fitted = fs.fit(history)
    return replace(fitted, arrivals=replace(fitted.arrivals, dispersion=0.1))  # so that swings are drawn too


@pytest.fixture(scope="module")
def pipeline(history: fs.DealHistory) -> fs.Pipeline:
    pipeline = history.pipeline()
    uneven = pipeline.amount / 3 + 0.1  # no sum of them is exact, so the order of adding would show
    every_ninth = np.arange(pipeline.n_deals) % 9 == 0  # missing amounts are drawn too
    return replace(pipeline, amount=np.where(every_ninth, np.nan, uneven))


@pytest.fixture(scope="module")
def outlook(funnel: fs.Funnel, pipeline: fs.Pipeline) -> fs.Forecast:
    return fs.forecast(funnel, pipeline, engine=ENGINE, seed=SEED)


BLOCKS = fs.MonteCarlo(n_futures=2 * 1200, n_draws=2)


@pytest.fixture(scope="module")
def revised(funnel: fs.Funnel) -> fs.Funnel:
    """Amounts listed in two stages are revised, so that every stream is used."""
    law = Amounts(np.array([0.3, 1.0, 1.7]), np.array([3.0, 5.0, 2.0]))
    return replace(funnel, revisions=(None, law, law) + (None,) * (funnel.stages.n_open - 3))


@pytest.fixture(scope="module")
def many(revised: fs.Funnel, pipeline: fs.Pipeline) -> fs.Forecast:
    return fs.forecast(revised, pipeline, engine=BLOCKS, seed=SEED)


def reordered(pipeline: fs.Pipeline, order: np.ndarray) -> fs.Pipeline:
    columns = {name: getattr(pipeline, name)[order] for name in ("deal_ids", "stage", "age_steps", "amount")}
    attributes = {name: column[order] for name, column in pipeline.attributes.items()}
    return replace(pipeline, **columns, attributes=attributes)


def assert_identical(one: fs.Forecast, other: fs.Forecast) -> None:
    """To the bit, and with deals in the same order."""
    for name in FUTURES:
        np.testing.assert_array_equal(getattr(one.outcome, name), getattr(other.outcome, name), err_msg=name)
    for name in ("deal_ids", "chance", "chance_sd", "amount"):
        np.testing.assert_array_equal(getattr(one.deals, name), getattr(other.deals, name), err_msg=name)
    assert one.seed == other.seed


@pytest.mark.usefixtures("all_threads")
@pytest.mark.parametrize("workers", [1, 2, pytest.param(7, marks=pytest.mark.slow)])
def test_answer_does_not_depend_on_workers(
    funnel: fs.Funnel, pipeline: fs.Pipeline, outlook: fs.Forecast, workers: int
) -> None:
    engine = fs.MonteCarlo(n_futures=600, n_draws=N_DRAWS, workers=workers)
    assert_identical(fs.forecast(funnel, pipeline, engine=engine, seed=SEED), outlook)


@pytest.mark.usefixtures("all_threads")
def test_nor_do_chances_far_ahead(funnel: fs.Funnel, pipeline: fs.Pipeline) -> None:
    """Sums long enough for a matrix product to be cut among threads, of which workers have fewer."""
    runs = [
        fs.forecast(
            funnel,
            pipeline,
            periods="36M",
            engine=fs.MonteCarlo(n_futures=N_DRAWS, n_draws=N_DRAWS, workers=workers),
            seed=SEED,
        )
        for workers in (1, 2)
    ]
    assert_identical(*runs)


@pytest.mark.parametrize("at_once", [1, 700, 10**9])
def test_answer_does_not_depend_on_how_many_numbers_are_held_at_once(
    monkeypatch: pytest.MonkeyPatch,
    many: fs.Forecast,
    revised: fs.Funnel,
    pipeline: fs.Pipeline,
    at_once: int,
) -> None:
    """A future at a time, some, or all of a block; several blocks, the last one short; to the bit."""
    monkeypatch.setattr(futures, "_MOST_NUMBERS", at_once)
    assert_identical(fs.forecast(revised, pipeline, engine=BLOCKS, seed=SEED), many)


def test_futures_of_different_blocks_and_draws_differ(many: fs.Forecast) -> None:
    """A stream used twice would repeat a thousand futures."""
    for name in FUTURES[2:]:
        first = getattr(many.outcome, name).reshape(BLOCKS.n_draws, -1, 4)[:, :200]
        second = getattr(many.outcome, name).reshape(BLOCKS.n_draws, -1, 4)[:, 1000:]
        assert (first != second).any(axis=(1, 2)).all()
        assert (first[0] != first[1]).any()


def test_seeds_differ_and_zero_is_a_seed(
    funnel: fs.Funnel, pipeline: fs.Pipeline, outlook: fs.Forecast
) -> None:
    zero = fs.forecast(funnel, pipeline, engine=ENGINE, seed=0)
    assert zero.seed == 0
    assert_identical(zero, fs.forecast(funnel, pipeline, engine=ENGINE, seed=0))
    for name in FUTURES:
        assert (getattr(zero.outcome, name) != getattr(outlook.outcome, name)).any(), name
    assert (zero.deals.chance != outlook.deals.chance).any()


def test_no_seed_takes_a_new_one_and_keeps_it(funnel: fs.Funnel, pipeline: fs.Pipeline) -> None:
    first = fs.forecast(funnel, pipeline, engine=ENGINE, seed=None)
    second = fs.forecast(funnel, pipeline, engine=ENGINE, seed=None)
    assert first.seed != second.seed
    assert (first.outcome.new_bookings != second.outcome.new_bookings).any()
    assert_identical(first, fs.forecast(funnel, pipeline, engine=ENGINE, seed=first.seed))


def test_a_generator_is_a_seed_and_the_global_one_is_not_touched(
    funnel: fs.Funnel, pipeline: fs.Pipeline
) -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002  # the very thing that must not change
    rng = np.random.default_rng(3)
    first = fs.forecast(funnel, pipeline, engine=ENGINE, seed=rng)
    second = fs.forecast(funnel, pipeline, engine=ENGINE, seed=rng)
    again = fs.forecast(funnel, pipeline, engine=ENGINE, seed=np.random.default_rng(3))
    assert_identical(first, again)
    assert first.seed != second.seed
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_order_of_deals_changes_no_chance_and_no_new_deal(
    funnel: fs.Funnel, pipeline: fs.Pipeline, outlook: fs.Forecast
) -> None:
    order = np.random.default_rng(SEED).permutation(pipeline.n_deals)
    shuffled = fs.forecast(funnel, reordered(pipeline, order), engine=ENGINE, seed=SEED)
    np.testing.assert_array_equal(shuffled.deals.chance, outlook.deals.chance[order])
    np.testing.assert_array_equal(shuffled.deals.chance_sd, outlook.deals.chance_sd[order])
    np.testing.assert_array_equal(shuffled.outcome.new_bookings, outlook.outcome.new_bookings)
    np.testing.assert_array_equal(shuffled.outcome.new_wins, outlook.outcome.new_wins)
    pieces = [shuffled.by_stage(), outlook.by_stage()]
    np.testing.assert_allclose(pieces[0].to_numpy(), pieces[1].to_numpy(), rtol=1e-12)


def test_order_of_deals_changes_nothing_in_law(funnel: fs.Funnel, pipeline: fs.Pipeline) -> None:
    """Same draws of the parameters, other luck. d: 1.3 % of the wins and 10 % of the sd of the open part."""
    engine = fs.MonteCarlo(n_futures=6000, n_draws=N_DRAWS)
    order = np.argsort(pipeline.amount)[::-1]
    runs = [fs.forecast(funnel, p, engine=engine, seed=SEED) for p in (pipeline, reordered(pipeline, order))]
    assert (runs[0].outcome.open_wins != runs[1].outcome.open_wins).any()
    for name in ("open_wins", "open_bookings"):
        totals = np.stack([getattr(run.outcome, name).sum(axis=1) for run in runs]).astype(float)
        by_draw = totals.reshape(2, N_DRAWS, -1)
        within = by_draw - by_draw.mean(axis=2, keepdims=True)
        n, variance = totals.shape[1], within.var(axis=(1, 2))
        assert abs(np.diff(totals.mean(axis=1))[0]) < 4 * np.sqrt(variance.sum() / n)
        kurtosis = (within**4).mean(axis=(1, 2)) / variance**2
        assert abs(np.diff(variance)[0]) < 4 * np.sqrt((variance**2 * (kurtosis - 1)).sum() / n)


def test_chances_do_not_depend_on_the_number_of_futures(
    funnel: fs.Funnel, pipeline: fs.Pipeline, outlook: fs.Forecast
) -> None:
    few = fs.forecast(funnel, pipeline, engine=fs.MonteCarlo(n_futures=60, n_draws=N_DRAWS), seed=SEED)
    np.testing.assert_array_equal(few.deals.chance, outlook.deals.chance)


def test_a_draw_is_made_from_its_number_alone(funnel: fs.Funnel, pipeline: fs.Pipeline) -> None:
    """Draw 13 alone, or among others: the same chances and the same expected new wins."""
    periods = fs.Periods.parse("4Q", pipeline.clock, pipeline.cutoff_step)
    positions = Positions.of(funnel, pipeline)
    alone = batch_chances(funnel, positions, periods, Streams(SEED), [13])
    among = batch_chances(funnel, positions, periods, Streams(SEED), range(10, 20))
    np.testing.assert_allclose(alone.open_deals[0], among.open_deals[3], rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(alone.new_wins[0], among.new_wins[3], rtol=1e-10, atol=1e-15)
    assert np.abs(among.open_deals[3] - among.open_deals[4]).max() > 1e-3


def test_table_of_a_funnel_is_the_same_for_the_same_seed(funnel: fs.Funnel) -> None:
    assert funnel.table(seed=3).equals(funnel.table(seed=3))
    assert not funnel.table(seed=3).equals(funnel.table(seed=4))
