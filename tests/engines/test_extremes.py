"""Pipelines, periods and funnels at the edge of what is possible: a right answer from every engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import funnelsim as fs
from funnelsim.engines.protocol import Engine
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards

DAY = fs.Clock("day")
CUTOFF = "2026-09-30"
WIN, LOSE = 0.02, 0.03
ENGINES: dict[str, Engine] = {
    "exact": fs.Exact(n_draws=4),
    "montecarlo": fs.MonteCarlo(n_futures=4000, n_draws=4),
    "events": fs.Events(n_futures=200, n_draws=4),
}


@pytest.fixture(params=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    return ENGINES[request.param]


def funnel(per_day: float = 0.0, amount: float = 10.0) -> fs.Funnel:
    """Two stages; from the first deals are won or lost at a constant pace, and nobody leaves the second."""
    moves = np.array([[0, 0, WIN, LOSE]] * 2)
    hazards = tuple(
        StageHazards(np.array([0, 1]), chances, np.ones(2), np.array([0, 0, 0.4, 0.6]), is_certain=True)
        for chances in (np.vstack([[0, 0, 0, 0], moves[1]]).astype(float), np.zeros((2, 4)))
    )
    return fs.Funnel(
        fs.Stages.named(["talk", "limbo"]), DAY, hazards,
        Arrivals(7, 7 * per_day, np.inf, 0.0, np.array([1.0, 0.0])),
        Amounts(np.array([amount]), np.ones(1), is_certain=True), unit="EUR",
    )  # fmt: skip


def pipeline(amount: list[float], stage: list[int] | None = None) -> fs.Pipeline:
    n = len(amount)
    return fs.Pipeline(
        clock=DAY,
        cutoff_step=int(DAY.step_of(CUTOFF)),
        deal_ids=np.array([f"D{i}" for i in range(n)], dtype=object),
        stage=np.array(stage or [0] * n, np.int64),
        age_steps=np.full(n, 3, np.int64),
        amount=np.array(amount, dtype=float),
        won_step=np.zeros(0, np.int64),
        won_amount=np.zeros(0),
    )


def won_within(days: int) -> float:
    return WIN / (WIN + LOSE) * (1 - (1 - WIN - LOSE) ** days)


def close(found: fs.Forecast, truth: float, sd: float) -> bool:
    """Within 4.5 standard errors of the simulation; of the exact engine to 1e-9."""
    n = found.n_futures
    allowed = 1e-9 * max(abs(truth), 1.0) if n is None else 4.5 * sd / np.sqrt(n) + 1e-9
    return abs(found.mean().value - truth) <= allowed


def test_no_deal_and_nobody_comes(engine: Engine) -> None:
    outlook = fs.forecast(funnel(), pipeline([]), periods="2Q", target=1.0, engine=engine)
    assert outlook.mean().value == 0
    assert outlook.chance().value == pytest.approx(0.0, abs=1e-9)
    assert outlook.quantile([0.1, 0.9]).tolist() == [0.0, 0.0]
    assert (
        not outlook.table().drop(columns=[], errors="ignore")[["mean", "sd", "p10", "p90"]].isna().any().any()
    )


def test_one_period_of_a_day(engine: Engine) -> None:
    outlook = fs.forecast(
        funnel(), pipeline([10.0] * 40), periods=["2026-10-01", "2026-10-02"], engine=engine
    )
    p = won_within(1)
    assert close(outlook, 400 * p, 10 * np.sqrt(40 * p * (1 - p)))


def test_a_hundred_and_twenty_periods(engine: Engine) -> None:
    outlook = fs.forecast(funnel(), pipeline([10.0] * 20), periods="120W", engine=engine)
    assert len(outlook.periods) == 120
    p = won_within(int(outlook.periods.steps_ahead[-1]))
    assert close(outlook, 200 * p, 10 * np.sqrt(20 * p * (1 - p)))
    by_period = outlook.table()["mean"].iloc[:-1]
    assert by_period.sum() == pytest.approx(outlook.mean().value, rel=1e-9)


def test_deals_in_a_stage_that_nobody_leaves_are_never_won(engine: Engine) -> None:
    outlook = fs.forecast(funnel(), pipeline([10.0] * 9, [1] * 9), periods="4Q", target=1.0, engine=engine)
    assert outlook.mean().value == 0
    assert outlook.chance().value == pytest.approx(0.0, abs=1e-9)
    told = [note for note in outlook.notes if "that no deal has been seen to leave" in note]
    assert told[0].startswith("9 of 9 open deals, worth 90 EUR, stand")
    assert not any("older in their stage" in note for note in outlook.notes)


@pytest.mark.parametrize("target", [1e6, 2e6])
def test_a_deal_worth_more_than_all_others_together(engine: Engine, target: float) -> None:
    """Its win alone reaches its amount to the cent; twice that cannot be reached."""
    outlook = fs.forecast(
        funnel(), pipeline([10.0] * 50 + [1e6]), periods=["2026-10-01", "2027-01-01"], engine=engine
    )
    p = won_within(92)
    truth = p if target == 1e6 else 0.0
    n = outlook.n_futures
    allowed = 1e-9 if n is None else 4.5 * np.sqrt(p * (1 - p) / n)
    assert abs(outlook.chance(target).value - truth) <= allowed


def test_amounts_of_zero_count_as_wins_and_bring_nothing(engine: Engine) -> None:
    outlook = fs.forecast(
        funnel(amount=10.0), pipeline([0.0] * 30 + [5.0]), periods="1Q", target=5.0, engine=engine
    )
    p = won_within(int(outlook.periods.steps_ahead[-1]))
    n = outlook.n_futures
    allowed = 1e-9 if n is None else 4.5 * np.sqrt(p * (1 - p) / n)
    assert abs(outlook.chance().value - p) <= allowed
    wins = outlook.mean(measure="wins").value
    assert wins == pytest.approx(31 * p, abs=1e-9 if n is None else 4.5 * np.sqrt(31 * p / n))


def test_a_target_of_nothing_is_always_reached(engine: Engine) -> None:
    assert fs.forecast(funnel(), pipeline([7.0]), target=0.0, engine=engine).chance().value == 1.0


def test_amounts_of_cents_and_of_billions(engine: Engine) -> None:
    for scale in (0.01, 1e10):
        outlook = fs.forecast(
            funnel(amount=3 * scale), pipeline([scale, 2 * scale]), periods=["2026-10-01", "2027-01-01"],
            target=3 * scale, engine=engine,
        )  # fmt: skip
        p = won_within(92)
        n = outlook.n_futures
        allowed = 1e-9 if n is None else 4.5 * np.sqrt(p * p / n)
        assert abs(outlook.chance().value - p * p) <= allowed
        assert replace(outlook, target=None).quantile(1.0) <= 3 * scale * (1 + 1e-9)


@pytest.mark.parametrize("target", [100_000.0, 150_000.0])
def test_targets_on_attainable_sums_of_few_amounts(target: float) -> None:
    """Ten deals of 25,000 and eight of 49,999: the grid would blur the sums, so futures are drawn instead.

    The exact engine, asked for by name, tells an error that covers what its grid does. d: 1.7 points.
    """
    deals = pipeline([25_000.0] * 10 + [49_999.0] * 8)
    p = won_within(31)
    few, many = (stats.binom(n, p).pmf(np.arange(n + 1)) for n in (10, 8))
    sums = 25_000.0 * np.arange(11)[:, None] + 49_999.0 * np.arange(9)
    truth = np.outer(few, many)[sums >= target].sum()
    edges = ["2026-10-01", "2026-11-01"]
    model = funnel(per_day=0.01, amount=25_000.0)  # next to nobody arrives within a month
    model = replace(model, arrivals=replace(model.arrivals, mean_per_block=1e-9))
    chosen = fs.forecast(model, deals, periods=edges, target=target)
    exact = fs.forecast(model, deals, periods=edges, target=target, engine="exact")
    assert chosen.engine.startswith("Monte Carlo (chosen: sums of so few amounts")
    assert abs(chosen.chance().value - truth) < 4.5 * np.sqrt(truth * (1 - truth) / 10_000)
    assert abs(exact.chance().value - truth) < 2 * exact.chance().standard_error
