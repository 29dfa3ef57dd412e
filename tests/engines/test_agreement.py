"""Every engine on every feature that engines share, against plain propagation (`conftest.py`).

All take the same draws of the parameters. So the exact engine must have the moments of plain propagation to
the last digits, and chances up to the error of its grid that it states itself. Engines that draw futures may
be off by what 4 standard errors allow in one comparison, the error rate divided by their number; the errors
are those of theory. The smallest error seen in every single figure is `d` = 1 % of the wins of a period and
1.4 points of a chance with 40,000 futures, 12 % and 16 points with 300; a feature that an engine forgets
moves many figures by more, which a test of its own shows for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import stats

import funnelsim as fs
from funnelsim.engines.protocol import Engine, EngineError
from funnelsim.nouns.calendar import Calendar
from funnelsim.nouns.classes import Classes
from funnelsim.nouns.forecast import Forecast
from funnelsim.nouns.funnel import Changes
from funnelsim.nouns.pace import ArrivalPace, Pace
from funnelsim.nouns.shock import Shock
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.calendar import Factors
from funnelsim.numerics.hazards import StageHazards
from funnelsim.numerics.level import Levels

SEED, CUTOFF, N_DRAWS = 3, "2026-09-30", 10
EDGES = ("2026-10-01", "2026-10-15", "2026-11-20", "2026-12-20")
WINDOWS = (None, 1, 2, slice(1, 3))  # never by adding marginals
RUNNING = ("2026-09-01", "2026-10-03", "2026-11-20", "2026-12-20")
FIRST_AGE = np.array([0, 1, 5, 15, 60])
#          pace at ages 0, 1-4, 5-14, 15-59, 60 on        to a  b     c     won   lost
LOOPS = (
    ([0.20, 0.05, 0.12, 0.02, 0.001], [0.00, 0.55, 0.10, 0.05, 0.30]),
    ([0.05, 0.10, 0.04, 0.01, 0.001], [0.20, 0.00, 0.50, 0.10, 0.20]),
    ([0.15, 0.02, 0.20, 0.03, 0.001], [0.00, 0.15, 0.00, 0.60, 0.25]),
)
AMOUNTS = Amounts(np.array([0.0, 4.0, 10.0, 60.0]), np.array([10.0, 40.0, 40.0, 10.0]))
UNEVEN = Amounts(np.array([0.5, 4.0, 10.5, 60.0]), np.array([10.0, 40.0, 40.0, 10.0]))
HEAVY = Amounts(np.array([1.0, 10.0, 100.0, 1_000.0]), np.array([60.0, 30.0, 8.0, 2.0]))
RATIOS = Amounts(np.array([1.0, 2.0, 3.0]), np.array([30.0, 50.0, 20.0]))
OTHER_RATIOS = Amounts(np.array([0.0, 1.0, 5.0]), np.array([10.0, 10.0, 30.0]))


# --- features -----------------------------------------------------------------------------------------------


def looping(**changes: object) -> fs.Funnel:
    """Three stages with skips, backward moves and moves within a day; parameters uncertain."""
    hazards = tuple(
        StageHazards(FIRST_AGE, 300.0 * np.outer(pace, split), np.full(5, 300.0), np.array(split))
        for pace, split in LOOPS
    )
    arrivals = Arrivals(7, 7 * 0.8, 20.0, 0.2, np.array([8.0, 2.0, 0.0]))
    funnel = fs.Funnel(fs.Stages.named(["a", "b", "c"]), fs.Clock("day"), hazards, arrivals, AMOUNTS)
    return replace(funnel, **changes)


def certain() -> fs.Funnel:
    """The same, nothing uncertain."""
    hazards = tuple(
        StageHazards(FIRST_AGE, np.outer(pace, split), np.ones(5), np.array(split), is_certain=True)
        for pace, split in LOOPS
    )
    arrivals = Arrivals(7, 7 * 0.8, np.inf, 0.0, np.array([8.0, 2.0, 0.0]))
    return looping(hazards=hazards, arrivals=arrivals)


def paced(funnel: fs.Funnel) -> fs.Funnel:
    levels = Levels(np.array([20.0, 8.0]), np.array([14.0, 12.0]), np.array([0.9, 1.0]), np.array([0.1, 0.0]))
    arrivals = ArrivalPace(np.ones(1), Levels(*np.array([[30.0], [20.0], [0.95], [0.1]])))
    return replace(funnel, pace=Pace(7, np.array([1, 2]), np.array([2, 3]), levels, arrivals))


def on_calendar(funnel: fs.Funnel) -> fs.Funnel:
    weekday = Factors("weekday", np.array([1.6, 1.2, 1.2, 1.0, 0.8, 0.1, 0.1, 0.1]), np.zeros(8))
    month = Factors("month of quarter", np.array([0.7, 0.8, 1.5]), np.zeros(3))
    return replace(funnel, calendar=Calendar({"moves": (weekday,), "wins": (month,), "arrivals": (weekday,)}))


def moved(funnel: fs.Funnel) -> fs.Funnel:
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
    entries = np.array([[1.0, 30.0, 0.0], [30.0, 1.0, 0.0]])
    return replace(funnel, classes=Classes(("region",), ("east", "west"), mean, shape, base, entries))


def position(n: int = 36, unrecorded: int = 0, giant: float = 0.0) -> fs.Pipeline:
    amount = np.where(np.arange(n) % 7 == 0, np.nan, 1.0 + np.arange(n) % 11)
    if giant:
        amount[1] = giant
    clock = fs.Clock("day")
    return fs.Pipeline(
        clock=clock,
        cutoff_step=int(clock.step_of(CUTOFF)),
        deal_ids=np.array([f"D{i}" for i in range(n)], dtype=object),
        stage=np.arange(n) % 3,
        age_steps=(np.arange(n) * 7) % 80,
        amount=amount,
        won_step=clock.step_of(np.array(["2026-09-10"], dtype="datetime64[D]")),
        won_amount=np.array([5.0]),
        unrecorded_steps=unrecorded,
        attributes={"region": np.resize(np.array(["east", "west", "west", "north"], dtype=object), n)},
    )


SWINGING = Arrivals(7, 10.0, 20.0, 1.0, np.array([8.0, 2.0, 0.0]))
CROWD = Arrivals(7, 200_000.0, 20.0, 0.2, np.array([8.0, 2.0, 0.0]))
NOBODY = Arrivals(7, 0.0, np.inf, 0.0, np.array([1.0, 0.0, 0.0]))
EVERYTHING = moved(in_classes(on_calendar(paced(looping(revisions=(None, RATIOS, RATIOS))))))


@dataclass(frozen=True, eq=False)
class Case:
    """A funnel and a pipeline that use some features; an engine that forgets one of them must be caught.

    Parameters
    ----------
    funnel : Funnel
    features : tuple of str
        Names in `FORGOTTEN`.
    pipeline : Pipeline
    edges : tuple of str
        Of the periods.
    refused_by : mapping of engine to pattern
        Who cannot honour it, and so must refuse; the pattern names an engine that can.
    means_only : tuple of engine
        Those whose laws and single deals are not compared, for the reason beside the case.
    """

    funnel: fs.Funnel
    features: tuple[str, ...] = ()
    pipeline: fs.Pipeline = field(default_factory=position)
    edges: tuple[str, ...] = EDGES
    refused_by: dict[str, str] = field(default_factory=dict)
    means_only: tuple[str, ...] = ()

    @property
    def periods(self) -> fs.Periods:
        return fs.Periods.parse(self.edges, self.pipeline.clock, self.pipeline.cutoff_step)

    def forecast(self, engine: Engine) -> Forecast:
        return fs.forecast(self.funnel, self.pipeline, periods=self.edges, engine=engine, seed=SEED)

    def without(self, feature: str) -> Case:
        """What an engine would see that does not know of a feature."""
        funnel, pipeline = FORGOTTEN[feature](self.funnel, self.pipeline)
        return replace(self, funnel=funnel, pipeline=pipeline)


def only_forward(funnel: fs.Funnel) -> fs.Funnel:
    """Deals that would go back are lost."""
    stages = []
    for code, hazards in enumerate(funnel.hazards):
        exits = hazards.exits.copy()
        exits[:, -1] += exits[:, :code].sum(axis=1)
        exits[:, :code] = 0.0
        stages.append(replace(hazards, exits=exits))
    return replace(funnel, hazards=tuple(stages))


FORGOTTEN: dict[str, Callable[[fs.Funnel, fs.Pipeline], tuple[fs.Funnel, fs.Pipeline]]] = {
    "moves back": lambda f, p: (only_forward(f), p),
    "ages": lambda f, p: (f, replace(p, age_steps=p.age_steps * 0)),
    "swings of arrivals": lambda f, p: (replace(f, arrivals=replace(f.arrivals, dispersion=0.0)), p),
    "levels": lambda f, p: (replace(f, pace=None), p),
    "calendar": lambda f, p: (replace(f, calendar=None), p),
    "levers": lambda f, p: (f.with_changes(Changes.none(f.stages)), p),
    "revisions": lambda f, p: (replace(f, revisions=()), p),
    "heavy amounts": lambda f, p: (replace(f, amounts=AMOUNTS), p),
    "giant": lambda f, p: (f, replace(p, amount=np.minimum(p.amount, 2.0))),
    "late records": lambda f, p: (f, replace(p, unrecorded_steps=0)),
    "classes": lambda f, p: (replace(f, classes=None), p),
    "classes of new deals": lambda f, p: (
        replace(f, classes=replace(f.classes, entries=f.classes.entries[::-1])),
        p,
    ),
    "shared shock": lambda f, p: (f.with_shock(None), p),
}
CASES = {
    "loops": Case(certain(), ("moves back", "ages")),
    "uncertain": Case(looping(), ("moves back", "ages")),
    "arrivals that swing": Case(looping(arrivals=SWINGING), ("swings of arrivals",)),
    "a period under way, amounts of no common unit": Case(looping(amounts=UNEVEN), ("ages",), edges=RUNNING),
    "levels": Case(paced(looping()), ("levels",)),
    "calendar": Case(on_calendar(looping()), ("calendar",)),
    "levers": Case(moved(certain()), ("levers",)),
    "revised amounts": Case(looping(revisions=(None, RATIOS, OTHER_RATIOS)), ("revisions",)),
    "heavy amounts": Case(looping(amounts=HEAVY), ("heavy amounts",)),
    "one deal worth more than all others": Case(looping(), ("giant",), position(giant=2_000.0)),
    "late records": Case(certain(), ("late records",), position(20, unrecorded=25)),
    "classes": Case(in_classes(looping()), ("classes", "classes of new deals")),
    "everything": Case(
        EVERYTHING,
        ("ages", "classes"),
        position(24, unrecorded=12),
        RUNNING,
    ),
    "no open deal": Case(looping(), (), position(0)),
    "nobody arrives": Case(looping(arrivals=NOBODY)),
    "no amounts": Case(looping(amounts=None)),
    # Walked deals have no chances to multiply: discrete events multiply what they win together. So the shock
    # is a small one: a chance that it lifts to 1 would not stop there.
    "shared shock": Case(
        looping().with_shock(Shock((0.06, 0.03), 0.3, period_steps=30)),
        ("shared shock",),
        means_only=("events",),
    ),
    # A lattice for so many wins would take minutes.
    "a crowd": Case(
        looping(arrivals=CROWD), refused_by={"events": "use MonteCarlo"}, means_only=("exact", "montecarlo")
    ),
}


# --- engines ------------------------------------------------------------------------------------------------

ENGINES: dict[str, Callable[[int], Engine]] = {
    "exact": lambda _: fs.Exact(n_draws=N_DRAWS),
    "montecarlo": lambda n: fs.MonteCarlo(n_futures=n, n_draws=N_DRAWS),
    "events": lambda n: fs.Events(n_futures=n, n_draws=N_DRAWS),
}
N_FUTURES = {"exact": (0,), "montecarlo": (40_000, 400_000), "events": (300, 12_000)}  # the second: slow


def runs() -> Iterator[object]:
    for case in CASES:
        for engine, sizes in N_FUTURES.items():
            for n, long in zip(sizes, ("", ", long"), strict=False):
                if engine not in CASES[case].refused_by:
                    marks = [pytest.mark.slow] if long else []
                    yield pytest.param((case, engine, n), id=f"{case}, {engine}{long}", marks=marks)


@dataclass(frozen=True)
class Run:
    """What an engine said of a case."""

    case: str
    engine: str
    outlook: Forecast

    def off(self, truth: Any) -> dict[str, float]:
        """Largest gap to `truth` in each figure; a gap of 1 is the most that is allowed."""
        gaps = dict(moments(self, truth))
        if self.engine not in CASES[self.case].means_only:
            gaps |= dict(laws(self, truth))
        allowed = 1.0 if self.engine == "exact" else most_standard_errors(sum(map(np.size, gaps.values())))
        return {what: float(np.abs(gap).max(initial=0.0)) / allowed for what, gap in gaps.items()}


@pytest.fixture(scope="module", params=runs())
def run(request: pytest.FixtureRequest) -> Run:
    name, engine, n_futures = request.param
    return Run(name, engine, CASES[name].forecast(ENGINES[engine](n_futures)))


@pytest.fixture(scope="module")
def truth_of(plain: Callable[..., Any]) -> Callable[..., Any]:
    """Plain propagation of a case, or of one in which a feature is forgotten."""

    @cache
    def truth(name: str, forgotten: str = "") -> Any:
        case = CASES[name].without(forgotten) if forgotten else CASES[name]
        return plain(case.funnel, case.pipeline, case.periods, SEED, N_DRAWS)

    return truth


# --- comparing ----------------------------------------------------------------------------------------------


def most_standard_errors(n: int) -> float:
    """The error rate of 4 standard errors in one comparison, shared among `n`."""
    return float(stats.norm.isf(stats.norm.sf(4.0) / n))


def measures(run: Run) -> tuple[str, ...]:
    return ("wins", "bookings") if run.outlook.outcome.has_amounts else ("wins",)


def windows(run: Run) -> Iterator[tuple[str, Any, tuple[int, ...], str]]:
    """Name of a total, its law by the engine, its periods, and its measure."""
    for measure in measures(run):
        for window in WINDOWS:
            columns = tuple(run.outlook._columns(window))
            yield f"{measure} of {columns}", run.outlook.law(window, measure), columns, measure


def realised(run: Run, columns: tuple[int, ...], measure: str) -> float:
    by_measure = {"wins": run.outlook.realised_wins, "bookings": run.outlook.realised_bookings}
    return by_measure[measure] if 0 in columns else 0.0


def moments(run: Run, truth: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Means of totals and parts, spreads, and the chances of deals."""
    yield from (exact_moments if run.engine == "exact" else drawn_means)(run, truth)
    if run.engine in CASES[run.case].means_only:
        return
    if run.engine == "events":
        n = run.outlook.n_futures
        yield "deals", luck(np.rint(run.outlook.deals.chance * n), n, truth.chance.mean(axis=0))
    else:  # these chances are not drawn
        yield "deals", (run.outlook.deals.chance - truth.chance.mean(axis=0)) / 1e-9


def exact_moments(run: Run, truth: Any) -> Iterator[tuple[str, np.ndarray]]:
    for name, law, columns, measure in windows(run):
        parts = np.array(truth.open_and_new(columns, measure))
        total, variance = parts.sum(axis=0), sum(truth.variances(columns, measure))
        gap = law.mean_by_draw() - total - realised(run, columns, measure)
        yield f"mean {name}", gap / (1e-9 * (1 + total))
        sd = np.sqrt(variance.mean() + total.var())
        yield f"sd {name}", (law.sd() - sd) / (1e-9 * (1 + sd))
        gap = run.outlook.outcome.expected(columns, measure) - parts.mean(axis=1)
        yield f"parts {name}", gap / (1e-9 * (1 + parts.mean(axis=1)))


def drawn_means(run: Run, truth: Any) -> Iterator[tuple[str, np.ndarray]]:
    """In standard errors that theory knows: those of futures, given the draws."""
    outcome, n = run.outlook.outcome, run.outlook.n_futures
    for measure in measures(run):
        for period in range(3):
            found = [part[:, period].mean() for part in outcome.parts(measure)]
            expected = np.mean(truth.open_and_new((period,), measure), axis=1)
            errors = np.sqrt(np.mean(truth.variances((period,), measure), axis=1) / n)
            yield f"open and new {measure} of {period}", (found - expected) / (errors + 1e-9)
    for name, law, columns, measure in windows(run):
        if measure == "wins":
            total, variance = (sum(part(columns, "wins")) for part in (truth.open_and_new, truth.variances))
            gap = law.mean_by_draw() - total - realised(run, columns, "wins")
            yield f"by draw {name}", gap / np.sqrt(variance / law.totals.shape[1] + 1e-18)


def laws(run: Run, truth: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Chances to reach nine amounts; of drawn futures also the variance, whose error the law tells."""
    for name, law, columns, measure in windows(run):
        amounts, chances = truth.law(columns, measure)
        known = realised(run, columns, measure)
        if run.engine == "exact":
            cell = 0.0 if law.still_to_win.grid.is_lattice else law.still_to_win.grid.step
            for target in targets(amounts, chances):  # where amounts have no common unit cells blur them
                low, high = (reached(amounts, chances, target + side).mean() for side in (cell, -cell))
                found = law.chance_by_draw(target + known).mean()
                gap = max(low - found, found - high, 0.0)
                yield f"chance of {target:g} {name}", gap / (1e-9 + law.engine_error(target + known))
            continue
        n, totals = run.outlook.n_futures, law.totals - known
        for target in targets(amounts, chances):
            found = int((totals >= target - 1e-6).sum())
            yield f"chance of {target:g} {name}", luck(found, n, reached(amounts, chances, target).mean())
        if measure == "wins" or n > 10_000:  # few futures say little of the spread of heavy amounts
            mean, variance = chances @ amounts, sum(truth.variances(columns, measure))
            fourth = (chances * (amounts - mean[:, None]) ** 4).sum(axis=1)
            error = np.sqrt((fourth - variance**2).mean() / n) + 1e-9
            yield f"variance of {name}", (totals.var(axis=1, ddof=1) - variance).mean() / error


def targets(amounts: np.ndarray, chances: np.ndarray) -> list[float]:
    """Nine amounts from low to high quantiles."""
    below = np.cumsum(chances.mean(axis=0))
    return np.unique(amounts[np.searchsorted(below, np.linspace(0.05, 0.97, 9))]).tolist()


def reached(amounts: np.ndarray, chances: np.ndarray, target: float) -> np.ndarray:
    return chances[:, amounts >= target - 1e-6].sum(axis=1)


def luck(n_found: np.ndarray | int, n: int, chance: np.ndarray | float) -> np.ndarray:
    """Standard errors that are as unlikely as such a count, by the binomial law."""
    law = stats.binom(n, np.clip(chance, 0.0, 1.0))
    return stats.norm.isf(np.minimum(law.cdf(n_found), law.sf(np.asarray(n_found) - 1)).clip(1e-300, 0.5))


# --- tests --------------------------------------------------------------------------------------------------


def test_engine_agrees_with_plain_propagation(run: Run, truth_of: Callable[..., Any]) -> None:
    off = run.off(truth_of(run.case))
    assert max(off.values()) <= 1.0, {what: gap for what, gap in off.items() if gap > 1.0}


@pytest.mark.thorough
def test_an_engine_that_forgets_a_feature_would_be_seen(run: Run, truth_of: Callable[..., Any]) -> None:
    """The negative control: every feature matters in its case, and by more than the luck of the futures."""
    for feature in CASES[run.case].features:
        assert max(run.off(truth_of(run.case, feature)).values()) > 1.0, feature


@pytest.mark.parametrize(
    ("case", "engine"), [(name, engine) for name, case in CASES.items() for engine in case.refused_by]
)
def test_what_an_engine_cannot_honour_it_refuses_and_names_one_that_can(case: str, engine: str) -> None:
    with pytest.raises(EngineError, match=CASES[case].refused_by[engine]):
        CASES[case].forecast(ENGINES[engine](N_DRAWS))


def test_plain_propagation_says_the_same_twice(truth_of: Callable[..., Any]) -> None:
    """Its laws have the moments that its chances imply, and nothing is lost at the end of the lattice."""
    truth = truth_of("everything")
    for measure in ("wins", "bookings"):
        amounts, chances = truth.law((0, 2), measure)
        mean, variance = (sum(part((0, 2), measure)) for part in (truth.open_and_new, truth.variances))
        np.testing.assert_allclose(chances @ amounts, mean, rtol=1e-9)
        np.testing.assert_allclose(chances @ amounts**2 - mean**2, variance, rtol=1e-7)
        assert chances.min() > -1e-13
        assert chances[:, -len(amounts) // 10 :].sum(axis=1).max() < 1e-9


@pytest.mark.parametrize("name", ["uncertain", "heavy amounts", "everything"])
def test_quantiles_of_the_exact_engine_are_those_of_plain_propagation(
    truth_of: Callable[..., Any], name: str
) -> None:
    """A quantile is exceeded by no more than its share, nor undercut, but for a cell of the grid."""
    exact = CASES[name].forecast(ENGINES["exact"](0))
    amounts, chances = truth_of(name).law((0, 1, 2), "bookings")
    share, cell = chances.mean(axis=0), exact.law().still_to_win.grid.step
    for level in (0.1, 0.5, 0.9):
        quantile = float(exact.quantile(level)) - exact.realised_bookings
        below, upto = share[amounts < quantile - cell].sum(), share[amounts <= quantile + cell].sum()
        assert below - 1e-3 <= level <= upto + 1e-3
