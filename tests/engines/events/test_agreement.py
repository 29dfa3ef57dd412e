"""Without hours of work discrete events agree with Monte Carlo, which shares only the funnel with them.

Both engines use the same draws of the parameters, so means are compared draw by draw; 4 standard errors of
the mean difference are allowed, the error rate shared among the comparisons of a case. `d`, the smallest
error that would be seen, is 6 to 11 % of the wins of a period in the short runs, 1 to 2 % in the long ones.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import funnelsim as fs
from funnelsim.nouns.calendar import Calendar
from funnelsim.nouns.classes import Classes
from funnelsim.nouns.pace import ArrivalPace, Pace
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.calendar import Factors
from funnelsim.numerics.hazards import StageHazards
from funnelsim.numerics.level import Levels

SEED, CUTOFF = 3, "2026-09-30"
EDGES = ["2026-10-01", "2026-10-03", "2026-11-20", "2026-12-20"]
FIRST_AGE = np.array([0, 1, 5, 15, 60])
#           a      b      c      won    lost          ages 0, 1-4, 5-14, 15-59, 60 and more
LOOPS = (
    ([0.20, 0.05, 0.12, 0.02, 0.001], [0.00, 0.55, 0.10, 0.05, 0.30]),
    ([0.05, 0.10, 0.04, 0.01, 0.001], [0.20, 0.00, 0.50, 0.10, 0.20]),
    ([0.15, 0.02, 0.20, 0.03, 0.001], [0.00, 0.15, 0.00, 0.60, 0.25]),
)
AMOUNTS = Amounts(np.array([0.0, 4.0, 10.0, 60.0]), np.array([10.0, 40.0, 40.0, 10.0]))


def looping(certain: bool = True, **changes: object) -> fs.Funnel:
    """Three stages with skips, backward moves and moves within a day."""
    worth = 1.0 if certain else 300.0
    hazards = tuple(
        StageHazards(
            FIRST_AGE, worth * np.outer(pace, split), worth * np.ones(5), np.array(split), is_certain=certain
        )
        for pace, split in LOOPS
    )
    arrivals = Arrivals(
        7, 7 * 0.8, np.inf if certain else 20.0, 0.0 if certain else 0.2, np.array([8.0, 2, 0])
    )
    funnel = fs.Funnel(fs.Stages.named(["a", "b", "c"]), fs.Clock("day"), hazards, arrivals, AMOUNTS)
    return replace(funnel, **changes)


def position(n: int = 60, unrecorded: int = 0) -> fs.Pipeline:
    amount = np.where(np.arange(n) % 7 == 0, np.nan, 1.0 + np.arange(n) % 11)
    return fs.Pipeline(
        clock=fs.Clock("day"),
        cutoff_step=int(fs.Clock("day").step_of(CUTOFF)),
        deal_ids=np.array([f"D{i}" for i in range(n)], dtype=object),
        stage=np.arange(n) % 3,
        age_steps=(np.arange(n) * 7) % 40,
        amount=amount,
        won_step=np.empty(0, np.int64),
        won_amount=np.empty(0),
        unrecorded_steps=unrecorded,
    )


def with_levels_and_calendar() -> fs.Funnel:
    weekday = Factors("weekday", np.array([1.6, 1.2, 1.2, 1.0, 0.8, 0.1, 0.1, 0.1]), np.zeros(8))
    month = Factors("month of quarter", np.array([0.7, 0.8, 1.5]), np.zeros(3))
    levels = Levels(np.array([20.0, 8.0]), np.array([14.0, 12.0]), np.array([0.9, 1.0]), np.array([0.1, 0.0]))
    arrivals = ArrivalPace(np.ones(1), Levels(*np.array([[30.0], [20.0], [0.95], [0.1]])))
    return looping(
        certain=False,
        calendar=Calendar({"moves": (weekday,), "wins": (month,), "arrivals": (weekday,)}),
        pace=Pace(7, np.array([1, 2]), np.array([2, 3]), levels, arrivals),
    )


def with_levers(funnel: fs.Funnel) -> fs.Funnel:
    levers = (
        fs.Speed(1.4),
        fs.Speed(0.7, stage="b", except_to=("lost",)),
        fs.Conversion(1.3),
        fs.Volume(1.5),
    )
    return fs.Together(levers).apply(funnel)


def in_classes(funnel: fs.Funnel) -> fs.Funnel:
    """Two regions with rates of their own; deals of a third move at the usual rates."""
    rng = np.random.default_rng(4)
    mean, shape = rng.uniform(0.4, 2.5, (2, 3, 5)), np.full((2, 3, 5), 50.0)
    base = tuple(rng.uniform(0.8, 1.2, (5, 5)) for _ in range(3))
    entries = np.array([[3.0, 9.0, 0.0], [9.0, 2.0, 0.0]])
    return replace(funnel, classes=Classes(("region",), ("east", "west"), mean, shape, base, entries))


def by_region(pipeline: fs.Pipeline) -> fs.Pipeline:
    region = np.resize(np.array(["east", "west", "west", "north", "east"], dtype=object), pipeline.n_deals)
    return replace(pipeline, attributes={"region": region})


RATIOS = (None, *2 * [Amounts(np.array([1.0, 2.0, 3.0]), np.array([30.0, 50.0, 20.0]))])
CASES = {
    "loops": (looping(), position()),
    "uncertain": (looping(certain=False), position()),
    "levels and calendar": (with_levels_and_calendar(), position()),
    "levers": (with_levers(looping()), position()),
    "levers on levels": (with_levers(with_levels_and_calendar()), position()),
    "revised amounts": (looping(revisions=RATIOS), position(120)),
    "unrecorded arrivals": (looping(), position(20, unrecorded=25)),
    "unrecorded, moving": (with_levels_and_calendar(), position(20, unrecorded=12)),
    "classes": (in_classes(looping(certain=False)), by_region(position())),
    "classes, moving": (in_classes(with_levels_and_calendar()), by_region(position(30, unrecorded=12))),
}
SHORT = ("loops", "levers on levels", "revised amounts", "unrecorded, moving", "classes", "classes, moving")
RUNS = [
    *(pytest.param(case, 300, id=case) for case in SHORT),
    *(pytest.param(case, 12_000, id=f"{case}, long", marks=pytest.mark.slow) for case in CASES),
]


def gaps(one: fs.Forecast, other: fs.Forecast) -> dict[str, float]:
    """Differences of means by period, of open and of new deals, in standard errors of paired draws."""
    found = {}
    for name in ("open_wins", "new_wins", "open_bookings", "new_bookings"):
        a, b = (
            getattr(outlook.outcome, name).reshape(outlook.n_draws, -1, len(EDGES) - 1).mean(axis=1)
            for outlook in (one, other)
        )
        for period, difference in enumerate((a - b).T):
            error = difference.std(ddof=1) / np.sqrt(len(difference))
            found[f"{name} of period {period}"] = difference.mean() / error
    return found


@pytest.mark.parametrize(("case", "n_futures"), RUNS)
def test_without_work_events_agree_with_monte_carlo(case: str, n_futures: int) -> None:
    funnel, pipeline = CASES[case]
    n_draws = 30
    by_events, by_chances = (
        fs.forecast(funnel, pipeline, periods=EDGES, engine=engine, seed=SEED)
        for engine in (
            fs.Events(n_futures=n_futures, n_draws=n_draws),
            fs.MonteCarlo(n_futures=max(9_000, 4 * n_futures), n_draws=n_draws),
        )
    )
    found = gaps(by_events, by_chances)
    most = stats.t.isf(3.2e-5 / len(found), n_draws - 1)
    assert max(abs(gap) for gap in found.values()) < most, found
    for window in (None, *range(1, len(EDGES))):
        one, other = by_events.law(window, "wins").sd(), by_chances.law(window, "wins").sd()
        assert one == pytest.approx(other, rel=4 * np.sqrt(0.75 / n_futures)), "the spread of wins"
    # The chance of each deal: as many wins as Monte Carlo's chances say, deal by deal.
    chance, wins = by_chances.deals.chance.sum(axis=1), by_events.deals.chance.sum(axis=1)
    score = (wins - chance) / np.sqrt(chance * (1 - chance) / n_futures + 1e-12)
    assert np.abs(score).max() < stats.norm.isf(3.2e-5 / len(score)) + 0.5


def test_deals_taken_for_fresh_ones_would_be_seen() -> None:
    """The negative control."""
    funnel, pipeline = CASES["loops"]
    fresh = replace(pipeline, age_steps=pipeline.age_steps * 0)
    other = fs.forecast(
        funnel, fresh, periods=EDGES, engine=fs.MonteCarlo(n_futures=9_000, n_draws=30), seed=3
    )
    one = fs.forecast(funnel, pipeline, periods=EDGES, engine=fs.Events(n_futures=300, n_draws=30), seed=3)
    assert max(abs(gap) for gap in gaps(one, other).values()) > 6


def test_deals_of_classes_taken_for_all_alike_would_be_seen() -> None:
    """The negative control."""
    funnel, pipeline = CASES["classes"]
    alike = replace(funnel, classes=None)
    one = fs.forecast(funnel, pipeline, periods=EDGES, engine=fs.Events(n_futures=300, n_draws=30), seed=SEED)
    other = fs.forecast(
        alike, pipeline, periods=EDGES, engine=fs.MonteCarlo(n_futures=9_000, n_draws=30), seed=SEED
    )
    assert max(abs(gap) for gap in gaps(one, other).values()) > 6
