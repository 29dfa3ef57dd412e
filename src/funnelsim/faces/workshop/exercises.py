"""Exercises of the workshop: the numbers behind each answer, from the course's own funnel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import beta

from funnelsim.engines.events.engine import Events
from funnelsim.engines.exact import Exact
from funnelsim.engines.run import forecast
from funnelsim.faces.workshop.factors import Range
from funnelsim.fitting.fit import fit
from funnelsim.intake.scenarios import read_scenario
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.levers.rates import Volume
from funnelsim.nouns.scenario import Scenario
from funnelsim.questions.backtest.run import backtest
from funnelsim.questions.baselines.weighted import WeightedPipeline
from funnelsim.questions.compare import compare_levers
from funnelsim.questions.targets.activity import activity_plan
from funnelsim.questions.targets.course import course_formula
from funnelsim.questions.targets.indicators import indicators
from funnelsim.questions.worlds.sample import simulate_history
from funnelsim.vocabulary.estimate import Estimate

STEPS, CLOSE_RATE = (0.5, 0.5, 0.48), 0.5
LEADS, YIELD, COLLECTED = 100, 8_000, 0.9
WINS, WEEKS, PEOPLE = 30, 26, 5
_BUSY = 4.0  # addresses against those of the scenario, so that luck hides little
_AS_OF = "2026-08-31"


@cache
def course() -> Scenario:
    """The scenario of the course: 100 addresses, 50, 25, 12, 6."""
    return read_scenario("activity_funnel", lang="en")


def _lived(funnel: Funnel, start: str, seed: int) -> DealHistory:
    """A history of that funnel in which nothing ever changes."""
    return simulate_history(
        seed,
        funnel=funnel,
        start=start,
        as_of=_AS_OF,
        window_start=None,
        segments=False,
        season=False,
        missing_amounts=0,
    )


@cache
def _long_run() -> DealHistory:
    return _lived(course().funnel, "2022-01-01", 5)


@cache
def _year() -> DealHistory:
    return _lived(Volume(_BUSY).apply(course().funnel), "2025-01-01", 3)


@dataclass(frozen=True)
class ByHand:
    """The course formula: what 100 addresses bring, and the gain by a tenth more of each factor."""

    wins: float
    bookings: float
    cash: float
    gains: tuple[float, ...]


@cache
def by_hand() -> ByHand:
    """The formula forwards, then with each factor a tenth higher."""
    factors = [LEADS, *STEPS, CLOSE_RATE, YIELD, COLLECTED]

    def brought(values: list[float]) -> list[float]:
        """Wins, bookings and cash."""
        return course_formula(values[0], values[1:4], *values[4:]).iloc[-3:].tolist()

    usual = brought(factors)
    raised = [[*factors[:k], factors[k] * 1.1, *factors[k + 1 :]] for k in (0, 1, 4, 5, 6)]
    wins, bookings, cash = usual
    return ByHand(wins, bookings, cash, tuple(brought(one)[-1] / cash - 1 for one in raised))


@dataclass(frozen=True)
class Backwards:
    """New addresses for the wins wanted: in all, and for each person and week, with its range."""

    needed: float
    each: Range


@cache
def backwards() -> Backwards:
    """The formula backwards, by the activity plan."""
    plan = activity_plan(course().funnel, WINS, measure="wins", weeks=WEEKS, people=PEOPLE)
    row = plan.loc["new deals"].to_dict()
    ends = ("", "_low", "_high")
    return Backwards(float(row["needed"]), Range(*(float(row[f"per_week_per_person{end}"]) for end in ends)))


@dataclass(frozen=True)
class Waits:
    """How long customers take from first address to closed.

    Parameters
    ----------
    n_customers : int
        Of a simulated run that all were followed to the end.
    days : tuple of int
    closed : tuple of Range
        Share of them that has closed by then, with its range.
    half, nine : Range
        Days until half, and nine in ten, have closed.
    """

    n_customers: int
    days: tuple[int, ...]
    closed: tuple[Range, ...]
    half: Range
    nine: Range


@cache
def waits() -> Waits:
    """Customers of a known funnel, from addresses old enough that none is still on the way."""
    found = _year().deals
    mature = found[found["created_at"] < "2026-01-01"]
    won = mature[mature["outcome"] == "won"]
    ages = (won["closed_at"] - won["created_at"]).dt.days.to_numpy()
    days = (30, 60, 90, 120)
    again = np.random.default_rng(0).choice(ages, size=(2_000, len(ages)))
    shares = tuple(Range.over(float((ages <= day).mean()), (again <= day).mean(axis=1)) for day in days)
    half, nine = (
        Range.over(float(np.quantile(ages, share)), np.quantile(again, share, axis=1)) for share in (0.5, 0.9)
    )
    return Waits(len(ages), days, shares, half, nine)


def share_of(n_won: int, n_closed: int) -> Range:
    """A share that was counted, with the central 80 % of what it may be (Jeffreys)."""
    low, high = beta(n_won + 0.5, n_closed - n_won + 0.5).ppf([0.1, 0.9]).tolist()
    return Range(n_won / n_closed, low, high)


@dataclass(frozen=True)
class ClosedOnly:
    """A win rate as two methods saw it at the ends of quarters.

    Parameters
    ----------
    truth : float
    months : tuple of int
        Since business began.
    closed : tuple of Range
        Won over won and lost; the range is that of so many coins, which is all the short cut knows of.
    all_deals : tuple of Range
        As fitted, open deals counted for as long as they were seen.
    """

    truth: float
    months: tuple[int, ...]
    closed: tuple[Range, ...]
    all_deals: tuple[Range, ...]


@cache
def closed_only() -> ClosedOnly:
    """The short cut against the fit, while a known funnel runs for a year."""
    history = _year()
    months, closed, fitted = (3, 6, 9, 12), [], []
    for month in months:
        known = history.as_of((pd.Timestamp("2025-01-01") + pd.DateOffset(months=month, days=-1)).date())
        outcome = known.deals["outcome"]
        closed.append(share_of(int((outcome == "won").sum()), int((outcome != "open").sum())))
        row = fit(known).table(n_draws=50).iloc[0]
        fitted.append(Range(*(float(row[f"win_rate{end}"]) for end in ("", "_low", "_high"))))
    truth = float(course().funnel.table(n_draws=2)["win_rate"].iloc[0])
    return ClosedOnly(truth, months, tuple(closed), tuple(fitted))


@dataclass(frozen=True)
class Coins:
    """Ranges of two methods at past quarters: how many held what came, and how far wins were missed.

    Parameters
    ----------
    n_quarters : int
    coins, forecast : Range
        Share of the 80 % ranges that held, with its interval.
    missed : Range
        Share of what came that the coins did not see, on average, with its interval over quarters.
    """

    n_quarters: int
    coins: Range
    forecast: Range
    missed: Range


@cache
def coins() -> Coins:
    """A backtest of both on the same quarters of a long run in which nothing changes."""
    test = backtest(
        _long_run(),
        periods="1Q",
        origins=14,
        measure="wins",
        rivals=[WeightedPipeline()],
        n_draws=10,
        n_futures=200,
    )
    scores = test.scores().query("measure == 'wins' and part == 'total' and window == 'period'")
    scores = scores.set_index("method")
    ours, rival = (found.to_dict() for found in (scores.loc["funnelsim"], scores.drop("funnelsim").iloc[0]))
    held = [
        Range(*(float(row[f"coverage_80{end}"]) for end in ("", "_low", "_high"))) for row in (rival, ours)
    ]
    cells = test.cells.query("measure == 'wins' and part == 'total' and window == 'period'")
    cells = cells[cells["method"] != "funnelsim"]
    came, seen = (cells[column].to_numpy(dtype=float) for column in ("actual", "mean"))
    return Coins(int(ours["n_cells"]), held[0], held[1], missed_share(came, seen))


def missed_share(came: npt.NDArray[np.float64], seen: npt.NDArray[np.float64]) -> Range:
    """Share of what came that was not foreseen; its range by drawing the quarters again."""
    again = np.random.default_rng(0).integers(len(came), size=(5_000, len(came)))
    return Range.over(
        float(1.0 - seen.mean() / came.mean()), 1.0 - seen[again].mean(axis=1) / came[again].mean(axis=1)
    )


@dataclass(frozen=True)
class FastMonth:
    """Closed deals by month in a world that never changes; the best month, and the one after it."""

    labels: tuple[str, ...]
    closes: tuple[int, ...]
    mean: Estimate
    best: int
    after: int
    luck: Range


@cache
def fast_month() -> FastMonth:
    """The best of forty-odd months, and what luck alone makes of the best."""
    closes = indicators(_long_run(), every="month", last=44)["closes"].iloc[:-1].astype(int)
    where = int(np.argmax(closes.to_numpy()))
    mean = Estimate(float(closes.mean()), float(closes.std() / np.sqrt(len(closes))))
    rng = np.random.default_rng(0)
    best = rng.poisson(mean.value, size=(20_000, len(closes))).max(axis=1)
    months = tuple(str(label) for label in closes.index)
    luck = Range(float(np.median(best)), *np.quantile(best, [0.1, 0.9]).tolist())
    counts = tuple(closes.tolist())
    return FastMonth(months, counts, mean, counts[where], counts[where + 1], luck)


@dataclass(frozen=True)
class FirstLever:
    """Levers, each a tenth, by what they add to the chance of the target within six months.

    Parameters
    ----------
    chance : Estimate
        As it is.
    names : tuple of str
        Largest effect first.
    changes : tuple of Estimate
    """

    chance: Estimate
    names: tuple[str, ...]
    changes: tuple[Estimate, ...]


@cache
def first_lever() -> FirstLever:
    """The levers of the course's scenario, compared."""
    case = course()
    comparison = compare_levers(
        case.funnel,
        case.pipeline,
        periods=case.periods,
        measure=case.measure,
        target=case.target,
        levers=case.levers,
        engine=Exact(n_draws=20),
    )
    order = sorted(range(len(case.levers)), key=lambda i: -comparison.effect(i).value)
    return FirstLever(
        comparison.base.chance(),
        tuple(case.levers[i].name for i in order),
        tuple(comparison.effect(i) for i in order),
    )


@dataclass(frozen=True)
class Saturation:
    """A telesales team with 60 % more numbers to call: orders, hours used and the wait for a first call."""

    growth: Estimate
    orders: tuple[Estimate, Estimate]
    used: tuple[Estimate, Estimate]
    wait: tuple[Estimate, Estimate]


def growth_of(before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]) -> Estimate:
    """By how much a mean has grown, as a share, from paired means by draw.

    The error is that of a ratio (delta method): what both have in common, they have in common.
    """
    ratio = float(after.mean() / before.mean())
    left = after - ratio * before
    return Estimate(ratio - 1.0, float(left.std(ddof=1) / np.sqrt(len(left)) / before.mean()))


@cache
def saturation() -> Saturation:
    """The team with its usual numbers, and with 60 % more; people and their hours followed."""
    calls = read_scenario("telesales", lang="en")
    assert calls.team is not None
    assert calls.work is not None
    team = Events(calls.team, calls.work, n_futures=60, n_draws=20)
    looks = [
        forecast(Volume(more).apply(calls.funnel), calls.pipeline, periods="6W", measure="wins", engine=team)
        for more in (1.0, 1.6)
    ]
    uses = [look.capacity for look in looks]
    assert uses[0] is not None
    assert uses[1] is not None
    first = calls.funnel.stages.open[0].name
    return Saturation(
        growth_of(*(look.law().mean_by_draw() for look in looks)),
        (looks[0].mean(), looks[1].mean()),
        (uses[0].use(), uses[1].use()),
        (uses[0].wait(first), uses[1].wait(first)),
    )
