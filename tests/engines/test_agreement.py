"""The exact engine and Monte Carlo on every feature both have, and the exact law against closed forms.

Both take the same draws of the parameters, so that a difference is simulation error alone: means and chances
are compared within 4.5 standard errors of the simulation. With 40,000 futures the smallest error that would
be seen is about 1 % of the mean of a period, and 1.1 points of a chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import funnelsim as fs
from funnelsim.engines.protocol import EngineError
from funnelsim.nouns.calendar import Calendar
from funnelsim.nouns.classes import Classes
from funnelsim.nouns.forecast import Forecast, ForecastError
from funnelsim.nouns.law import Futures
from funnelsim.nouns.pace import ArrivalPace, Pace
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.calendar import Factors
from funnelsim.numerics.hazards import StageHazards
from funnelsim.numerics.level import Levels

SEED, CUTOFF = 3, "2026-09-30"
EDGES = ["2026-10-01", "2026-10-15", "2026-11-20", "2026-12-20"]
N_DRAWS, N_FUTURES = 10, 40_000
FIRST_AGE = np.array([0, 1, 5, 15, 60])
#          pace at ages 0, 1-4, 5-14, 15-59, 60 on        to a  b     c     won   lost
LOOPS = (
    ([0.20, 0.05, 0.12, 0.02, 0.001], [0.00, 0.55, 0.10, 0.05, 0.30]),
    ([0.05, 0.10, 0.04, 0.01, 0.001], [0.20, 0.00, 0.50, 0.10, 0.20]),
    ([0.15, 0.02, 0.20, 0.03, 0.001], [0.00, 0.15, 0.00, 0.60, 0.25]),
)
AMOUNTS = Amounts(np.array([0.0, 4.0, 10.5, 60.0]), np.array([10.0, 40.0, 40.0, 10.0]))
HEAVY = Amounts(np.array([1.0, 30.0, 900.0, 40_000.0]), np.array([60.0, 30.0, 8.0, 2.0]))


def looping(**changes: object) -> fs.Funnel:
    """Three stages with skips, backward moves and moves within a day; parameters uncertain."""
    hazards = tuple(
        StageHazards(FIRST_AGE, 300.0 * np.outer(pace, split), np.full(5, 300.0), np.array(split))
        for pace, split in LOOPS
    )
    arrivals = Arrivals(7, 7 * 0.8, 20.0, 0.2, np.array([8.0, 2.0, 0.0]))
    funnel = fs.Funnel(fs.Stages.named(["a", "b", "c"]), fs.Clock("day"), hazards, arrivals, AMOUNTS)
    return replace(funnel, **changes)


def position(n: int = 60, unrecorded: int = 0, giant: float = 0.0) -> fs.Pipeline:
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
    )


def paced() -> fs.Funnel:
    levels = Levels(np.array([20.0, 8.0]), np.array([14.0, 12.0]), np.array([0.9, 1.0]), np.array([0.1, 0.0]))
    arrivals = ArrivalPace(np.ones(1), Levels(*np.array([[30.0], [20.0], [0.95], [0.1]])))
    return looping(pace=Pace(7, np.array([0, 2]), np.array([1, 3]), levels, arrivals))


def on_weekdays() -> fs.Funnel:
    weekday = Factors("weekday", np.array([1.4, 1.1, 1.0, 1.0, 0.9, 0.2, 0.1]), np.zeros(7))
    return looping(calendar=Calendar({"moves": (weekday,), "won": (weekday,), "arrivals": (weekday,)}))


REGIONS = np.array((["east", "west", "north"] * 20), dtype=object)


def in_classes() -> fs.Funnel:
    """Two regions with rates of their own; deals of a third move at the usual rates."""
    rng = np.random.default_rng(4)
    mean, shape = rng.uniform(0.5, 2.0, (2, 3, 5)), np.full((2, 3, 5), 50.0)
    base = tuple(rng.uniform(0.8, 1.2, (5, 5)) for _ in range(3))
    entries = np.array([[3.0, 1.0, 0.0], [9.0, 2.0, 0.0]])
    return looping(classes=Classes(("region",), ("east", "west"), mean, shape, base, entries))


CASES: dict[str, tuple[Callable[[], fs.Funnel], fs.Pipeline]] = {
    "loops": (looping, position()),
    "levels": (paced, position()),
    "calendar": (on_weekdays, position()),
    "levers": (
        lambda: fs.Together((fs.Volume(1.5), fs.Conversion(1.3), fs.Speed(1.2))).apply(looping()),
        position(),
    ),
    "arrivals not recorded yet": (looping, position(unrecorded=20)),
    "amounts revised": (
        lambda: looping(
            revisions=(None, Amounts(np.array([0.5, 1.0, 1.7]), np.array([5.0, 20.0, 5.0])), None)
        ),
        position(),
    ),
    "heavy amounts": (lambda: looping(amounts=HEAVY), position()),
    "one deal worth more than all others": (looping, position(giant=5_000.0)),
    "no open deal": (looping, position(0)),
    "nobody arrives": (
        lambda: looping(arrivals=Arrivals(7, 0.0, np.inf, 0.0, np.array([1.0, 0.0, 0.0]))),
        position(),
    ),
    "no amounts": (lambda: looping(amounts=None), position()),
    "classes": (in_classes, replace(position(), attributes={"region": REGIONS})),
}


@pytest.fixture(scope="module", params=list(CASES))
def both(request: pytest.FixtureRequest) -> tuple[Forecast, Forecast]:
    make, pipeline = CASES[request.param]
    funnel = make()
    engines = fs.Exact(n_draws=N_DRAWS), fs.MonteCarlo(n_futures=N_FUTURES, n_draws=N_DRAWS)
    exact, drawn = (
        fs.forecast(funnel, pipeline, periods=EDGES, engine=engine, seed=SEED) for engine in engines
    )
    return exact, drawn


WINDOWS = [None, *range(1, 4), [EDGES[1]]]


def test_moments_agree(both: tuple[Forecast, Forecast]) -> None:
    exact, drawn = both
    for measure in ("wins", "bookings") if exact.outcome.has_amounts else ("wins",):
        for column in range(3):
            window = slice(column, column + 1)
            totals = drawn.law(window, measure).totals
            within = totals.var(axis=1, ddof=1)
            error = np.sqrt(within / totals.shape[1])
            gap = totals.mean(axis=1) - exact.law(window, measure).mean_by_draw()
            assert (np.abs(gap) <= 4.5 * error + 1e-9).all()
            kurtosis = max(float(stats.kurtosis(totals.ravel(), fisher=False)), 3.0)
            spread = drawn.sd(window, measure)
            allowed = 4.5 * spread * np.sqrt((kurtosis - 1) / 4 / totals.size) + 1e-9
            assert abs(spread - exact.sd(window, measure)) <= allowed
            for of_exact, of_drawn in zip(
                exact.outcome.expected([column], measure),
                drawn.outcome.expected([column], measure),
                strict=True,
            ):
                assert abs(of_exact - of_drawn) <= 4.5 * spread / np.sqrt(totals.size) * 1.5 + 1e-9


def test_chances_of_windows_agree(both: tuple[Forecast, Forecast]) -> None:
    """Never by adding marginals: the total, leading windows and single periods, at nine amounts each."""
    exact, drawn = both
    for measure in ("wins", "bookings") if exact.outcome.has_amounts else ("wins",):
        for window in (None, 1, 2, slice(1, 3)):
            for target in drawn.quantile(np.linspace(0.05, 0.97, 9), window, measure).tolist():
                share = drawn.law(window, measure).chance_by_draw(target).mean()
                chance = float(exact.chance(target, window, measure))
                error = np.sqrt(max(share * (1 - share), 1e-4) / N_FUTURES)
                assert abs(share - chance) <= 4.5 * error + exact.law(window, measure).engine_error(target)


def test_quantiles_agree(both: tuple[Forecast, Forecast]) -> None:
    """A quantile of the exact law is not exceeded by more than its share of the futures, nor by less."""
    exact, drawn = both
    for level in (0.1, 0.5, 0.9):
        amount = float(exact.quantile(level))
        totals = drawn.window()
        below, upto = (totals < amount - 1e-6).mean(), (totals <= amount + 1e-6).mean()
        error = 4.5 * np.sqrt(level * (1 - level) / N_FUTURES) + 1e-3
        assert below - error <= level <= upto + error


def test_what_is_said_of_deals_is_the_same(both: tuple[Forecast, Forecast]) -> None:
    exact, drawn = both
    np.testing.assert_array_equal(exact.deals.chance, drawn.deals.chance)
    assert (exact.realised_wins, exact.realised_bookings) == (drawn.realised_wins, drawn.realised_bookings)


# --- choosing, refusing, errors -----------------------------------------------------------------------------


def test_auto_is_exact_and_says_why() -> None:
    outlook = fs.forecast(looping(), position(), periods=EDGES)
    assert outlook.engine == "exact (chosen: nothing here needs drawn futures)"
    assert fs.forecast(looping(), position(), periods=EDGES, engine="montecarlo").engine == "Monte Carlo"
    with pytest.raises(EngineError, match="'auto', 'exact', 'montecarlo'"):
        fs.forecast(looping(), position(), periods=EDGES, engine="guess")  # type: ignore[arg-type]


def test_auto_draws_where_many_amounts_are_revised() -> None:
    revised = Amounts(np.array([0.5, 1.5]), np.array([5.0, 5.0]))
    funnel = looping(revisions=(revised, revised, revised))
    outlook = fs.forecast(funnel, position(2_500), periods=EDGES)
    assert outlook.engine.startswith("Monte Carlo (chosen: the amounts of")
    assert isinstance(outlook.outcome, Futures)


def test_exact_has_no_futures_and_names_the_engine_that_has() -> None:
    outlook = fs.forecast(looping(), position(), periods=EDGES, engine="exact")
    assert outlook.n_futures is None
    with pytest.raises(ForecastError, match=r"engine=MonteCarlo\(\)"):
        outlook.draws()


@pytest.mark.parametrize(
    "settings",
    [
        {"n_draws": 1},
        {"n_cells": 100},
        {"n_cells": 32},
        {"workers": 0},
        {"n_draws": 2.5},
        {"workers": "x"},
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, int]) -> None:
    with pytest.raises(EngineError):
        fs.Exact(**settings)


def test_what_is_no_engine_is_refused() -> None:
    with pytest.raises(EngineError, match=r"n_futures=10000\.0 must be a whole number"):
        fs.MonteCarlo(n_futures=1e4)  # type: ignore[arg-type]
    for engine in (None, 5, fs.Exact):
        with pytest.raises(EngineError, match="is no engine"):
            fs.forecast(looping(), position(), engine=engine)  # type: ignore[arg-type]


def test_answer_does_not_depend_on_workers() -> None:
    one, two = (
        fs.forecast(looping(), position(), periods=EDGES, engine=fs.Exact(n_draws=30, workers=workers))
        for workers in (1, 2)
    )
    np.testing.assert_array_equal(one.law().chance_by_draw(300.0), two.law().chance_by_draw(300.0))
    assert one.table().equals(two.table())


def test_both_parts_of_the_error_are_shown() -> None:
    exact, drawn = (
        fs.forecast(looping(), position(), periods=EDGES, target=300.0, engine=engine).accuracy()
        for engine in (fs.Exact(n_draws=40), fs.MonteCarlo(n_futures=4_000, n_draws=40))
    )
    assert exact["of_engine"] < 1e-3 < drawn["of_engine"] < 0.01
    assert drawn["standard_error"] == pytest.approx(np.hypot(drawn["of_draws"], drawn["of_engine"]))
    assert exact["standard_error"] == pytest.approx(np.hypot(exact["of_draws"], exact["of_engine"]))
