"""Commission in steps against pay computed by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import funnelsim as fs
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards
from funnelsim.questions.targets.commission import PaySteps
from funnelsim.questions.targets.quotas import TargetError

STEPS = ((0, 0.05), (100_000, 0.07))
WON, LEFT, DAYS = 0.01, 0.03, 92


def known(amounts: list[float], reps: list[str]) -> tuple[fs.Funnel, fs.Pipeline, float]:
    """Open deals of known amounts in one stage, no new ones; and the chance of each to be won in time."""
    hazards = np.array([[0.0, WON, LEFT - WON], [0.0, WON, LEFT - WON], [0.0, 0.0, 0.0]])
    stage = StageHazards(np.array([0, 1, 1_000_000]), hazards, np.ones(3), hazards[0] / LEFT, is_certain=True)
    clock, n = fs.Clock("day"), len(amounts)
    funnel = fs.Funnel(
        fs.Stages.named(["Open"]), clock, (stage,), Arrivals(7, 0.0, np.inf, 0.0, np.ones(1)),
        amounts=Amounts(np.array([1000.0]), np.ones(1), is_certain=True),
    )  # fmt: skip
    pipeline = fs.Pipeline(
        clock=clock,
        cutoff_step=int(clock.step_of("2026-09-30")),
        deal_ids=np.array([f"D{i}" for i in range(n)], dtype=object),
        stage=np.zeros(n, dtype=np.int64),
        age_steps=np.full(n, 3),
        amount=np.array(amounts),
        won_step=np.empty(0, np.int64),
        won_amount=np.empty(0),
        attributes={"rep": np.array(reps, dtype=object)},
        won_attributes={"rep": np.empty(0, object)},
    )
    return funnel, pipeline, WON / LEFT * (1 - (1 - LEFT) ** DAYS)


def test_pay_of_the_slide() -> None:
    """5 % up to 100,000 and 7 % above: 150,000 bring 5,000 + 3,500; on the whole amount 10,500."""
    amounts = np.array([0.0, 80_000.0, 100_000.0, 150_000.0])
    assert PaySteps.of(STEPS, on_whole=False).pay(amounts).tolist() == pytest.approx([0, 4000, 5000, 8500])
    assert PaySteps.of(STEPS, on_whole=True).pay(amounts).tolist() == pytest.approx([0, 4000, 7000, 10_500])
    late = PaySteps.of(((50_000, 0.1),), on_whole=False)
    assert late.pay(amounts).tolist() == pytest.approx([0, 3000, 5000, 10_000])


@pytest.mark.parametrize("on_whole", [False, True])
@pytest.mark.parametrize("engine", [fs.Exact(n_draws=10), fs.MonteCarlo(n_futures=40_000, n_draws=40)])
def test_mean_pay_is_that_of_all_outcomes(on_whole: bool, engine: object) -> None:
    """Three deals have eight outcomes; the exact engine is right to rounding, the other within 4 SE."""
    amounts = [40_000.0, 70_000.0, 120_000.0]
    funnel, pipeline, chance = known(amounts, ["A", "A", "B"])
    outlook = fs.forecast(funnel, pipeline, periods="1Q", engine=engine)  # type: ignore[arg-type]
    row = fs.commission(outlook, STEPS, on_whole=on_whole).loc["total"]
    mean = reached = 0.0
    for outcome in np.ndindex(2, 2, 2):
        total = float(np.dot(outcome, amounts))
        weight = float(np.prod([chance if won else 1 - chance for won in outcome]))
        by_hand = 0.07 * total if on_whole and total >= 100_000 else 0.05 * total
        if not on_whole:
            by_hand += 0.02 * max(total - 100_000, 0)
        mean, reached = mean + weight * by_hand, reached + weight * (total >= 100_000)
    drawn = isinstance(engine, fs.MonteCarlo)
    assert row["mean"] == pytest.approx(mean, abs=4 * row["mean_se"] if drawn else 1e-6 * mean)
    assert row["reaches 100,000"] == pytest.approx(reached, abs=0.02 if drawn else 1e-9)
    pay = PaySteps.of(STEPS, on_whole=on_whole).pay
    assert row["p90"] == pytest.approx(float(pay(outlook.quantile([0.9]))[0]))


def test_reps_are_paid_one_by_one() -> None:
    amounts, reps = [60_000.0] * 4 + [150_000.0] * 2, ["A"] * 4 + ["B"] * 2
    funnel, pipeline, chance = known(amounts, reps)
    split = fs.split_target(
        funnel, pipeline, quotas={"A": 120_000, "B": 150_000}, by="rep", periods="1Q", n_draws=10
    )
    table = fs.commission(split, STEPS)
    by_hand = []
    for n, amount in ((4, 60_000.0), (2, 150_000.0)):
        totals = amount * np.arange(n + 1)
        pay = 0.05 * totals + 0.02 * np.maximum(totals - 100_000, 0)
        by_hand.append(float(stats.binom.pmf(np.arange(n + 1), n, chance) @ pay))
    assert table["mean"].tolist() == pytest.approx([*by_hand, sum(by_hand)], rel=1e-9)
    share = fs.commission(split, ((0, 0.05), (1, 0.07)), of_quota=True)
    assert share.loc["A", "reaches 1 of quota"] == pytest.approx(stats.binom.sf(1, 4, chance))
    rng = np.random.default_rng(3)
    paid = np.zeros(200_000)
    for n, amount in ((4, 60_000.0), (2, 150_000.0)):
        totals = amount * rng.binomial(n, chance, len(paid))
        paid += 0.05 * totals + 0.02 * np.maximum(totals - 100_000, 0)
    # Lumps: both quantiles are among the same few sums.
    assert table.loc["total", ["p10", "p50"]].tolist() == pytest.approx(
        np.quantile(paid, [0.1, 0.5]).tolist()
    )


def test_a_single_rate_pays_its_share_of_the_expected_amount() -> None:
    history = fs.simulate_history(seed=1)
    outlook = fs.forecast(fs.fit(history), history.pipeline(), engine=fs.Exact(n_draws=40))
    row = fs.commission(outlook, ((0, 0.05),)).loc["total"]
    assert row["mean"] == pytest.approx(0.05 * outlook.mean().value, rel=1e-6)
    assert row["of_amount"] == pytest.approx(0.05, rel=1e-6)


@pytest.mark.parametrize(
    "steps",
    [
        (),
        ((100, 0.05), (50, 0.07)),
        ((0, -0.1),),
        ((-1, 0.1),),
        ((0, np.nan),),
        ((0, True),),  # would pay all of the amount
        ((False, 0.05),),
        ((0, np.True_),),
        ((10**400, 0.05),),
    ],
)
def test_steps_that_are_none_are_refused(steps: tuple[tuple[float, float], ...]) -> None:
    funnel, pipeline, _ = known([1.0], ["A"])
    outlook = fs.forecast(funnel, pipeline, periods="1Q", engine=fs.Exact(n_draws=4))
    with pytest.raises(TargetError, match="steps"):
        fs.commission(outlook, steps)
    for unclear in (5, "5 %", ((0, 0.05, 1),), ((0, "5 %"),)):
        with pytest.raises(TargetError, match="a threshold and a rate"):
            fs.commission(outlook, unclear)  # type: ignore[arg-type]
    with pytest.raises(TargetError, match=r"pays 500 % of the amount; write 5 % as 0\.05"):
        fs.commission(outlook, ((0, 5),))
    per_win = fs.commission(replace(outlook, asked="wins"), ((0, 500),)).loc["total"]
    assert per_win["mean"] == pytest.approx(500 * outlook.mean(measure="wins").value)
    with pytest.raises(TargetError, match="must not fall"):
        fs.commission(outlook, ((0, 0.07), (100, 0.05)), on_whole=True)
    with pytest.raises(TargetError, match="no target"):
        fs.commission(outlook, STEPS, of_quota=True)
    assert np.isfinite(fs.commission(replace(outlook, target=1.0), STEPS, of_quota=True).to_numpy()).all()
