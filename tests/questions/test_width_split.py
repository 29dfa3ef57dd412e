"""The width split adds up, and each part is what its own law gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.nouns.forecast import ForecastError
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards

DAY = fs.Clock("day")
WIN, LOSE = 0.02, 0.03
PERIOD = ["2026-10-01", "2027-01-01"]
WON = WIN / (WIN + LOSE) * (1 - (1 - WIN - LOSE) ** 92)


def certain(per_day: float = 0.0) -> fs.Funnel:
    chances = np.array([[0, WIN, LOSE], [0, WIN, LOSE]], dtype=float)
    hazards = StageHazards(np.array([0, 1]), chances, np.ones(2), np.array([0, 0.4, 0.6]), is_certain=True)
    return fs.Funnel(
        fs.Stages.named(["s"]), DAY, (hazards,), Arrivals(7, 7 * per_day, np.inf, 0.0, np.ones(1)),
        Amounts(np.array([10.0]), np.ones(1), is_certain=True), unit="EUR",
    )  # fmt: skip


def pipeline(amount: list[float]) -> fs.Pipeline:
    n = len(amount)
    return fs.Pipeline(
        clock=DAY,
        cutoff_step=int(DAY.step_of("2026-09-30")),
        deal_ids=np.array([f"D{i}" for i in range(n)], dtype=object),
        stage=np.zeros(n, np.int64),
        age_steps=np.full(n, 3, np.int64),
        amount=np.array(amount, dtype=float),
        won_step=np.zeros(0, np.int64),
        won_amount=np.zeros(0),
    )


def test_of_certain_rates_only_chance_is_left() -> None:
    split = fs.width_split(certain(), pipeline([100.0, 3.0, 4.0]), periods=PERIOD, n_large=1)
    variance = split["sd"] ** 2
    assert variance["large deals"] == pytest.approx(WON * (1 - WON) * 100**2)
    assert variance["chance"] == pytest.approx(WON * (1 - WON) * 25)
    assert variance[["deals to come", "parameters", "shared shock"]].sum() == pytest.approx(0, abs=1e-9)


def test_deals_to_come_are_a_compound_poisson_sum() -> None:
    """Of one amount: variance is its square times the wins expected, which is the mean over the amount."""
    funnel, position = certain(per_day=2.0), pipeline([5.0])
    split = fs.width_split(funnel, position, periods=PERIOD)
    new_wins = (fs.forecast(funnel, position, periods=PERIOD).mean().value - 5.0 * WON) / 10.0
    assert split["sd"]["deals to come"] ** 2 == pytest.approx(100 * new_wins, rel=1e-6)


def test_a_shock_alone_is_its_variance_times_the_mean_squared() -> None:
    """``Var(G W) - Var W = phi E W**2``; here chance is small beside the mean. d: a tenth of the part."""
    funnel = certain(per_day=400.0).with_shock(fs.Shock((0.04,), 0.0))
    position = pipeline([])
    split = fs.width_split(funnel, position, periods=PERIOD, n_draws=400)
    mean = fs.forecast(funnel.with_shock(None), position, periods=PERIOD).mean().value
    assert split["sd"]["shared shock"] ** 2 == pytest.approx(0.04 * mean**2, rel=0.1)
    assert split["share"]["shared shock"] > 0.9


@pytest.mark.thorough
def test_parts_add_up_exactly_on_the_sample() -> None:
    history = fs.simulate_history(seed=1)
    funnel = fs.fit(history)
    for measure in ("bookings", "wins"):
        split = fs.width_split(funnel, history.pipeline(), measure=measure)  # type: ignore[arg-type]
        parts, total = split.drop("total"), split.loc["total"]
        outlook = fs.forecast(funnel, history.pipeline(), measure=measure)  # type: ignore[arg-type]
        assert total["sd"] == pytest.approx(outlook.sd(), rel=1e-9)
        assert (parts["sd"] ** 2).sum() == pytest.approx(total["sd"] ** 2, rel=1e-12)
        assert parts["share"].sum() == pytest.approx(1.0)
        assert parts["width"].sum() == pytest.approx(total["width"])
        assert total["width"] == pytest.approx(float(np.diff(outlook.quantile([0.1, 0.9]))[0]), rel=1e-9)
        assert (parts["share"] >= 0).all()
        assert (split["sd"]["large deals"] == 0) == (measure == "wins")


def test_what_makes_no_split_is_refused() -> None:
    with pytest.raises(ForecastError, match="n_large=-1"):
        fs.width_split(certain(), pipeline([1.0]), n_large=-1)
    with pytest.raises(ForecastError, match="interval"):
        fs.width_split(certain(), pipeline([1.0]), interval=1.5)
    missing = replace(pipeline([np.nan, 2.0]), deal_ids=np.array(["a", "b"], dtype=object))
    assert fs.width_split(certain(), missing, periods=PERIOD)["share"]["total"] == pytest.approx(1.0)
