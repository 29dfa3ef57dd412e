from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.nouns.forecast import ForecastError
from funnelsim.nouns.funnel import FunnelError
from funnelsim.nouns.levers.protocol import LeverError
from funnelsim.numerics.hazards import StageHazards
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.stages import StagesError


def test_bins_that_do_not_begin_with_0_and_1_are_refused() -> None:
    truth = fs.sample_funnel()
    n_places = len(truth.stages.names)
    odd = StageHazards(np.array([0, 5]), np.zeros((2, n_places)), np.ones(2), np.full(n_places, 1 / n_places))
    with pytest.raises(FunnelError, match="must begin 0, 1"):
        replace(truth, hazards=(odd, *truth.hazards[1:]))


def test_an_outcome_is_won_or_lost() -> None:
    paused = fs.Outcome("paused", "pending")  # type: ignore[arg-type]
    with pytest.raises(StagesError, match="kind 'pending' is unknown"):
        fs.Stages((fs.Stage("lead"),), (fs.Outcome("won", "won"), paused))


def test_an_unknown_measure_is_refused() -> None:
    history = fs.simulate_history(seed=1)
    engine = fs.MonteCarlo(n_futures=20, n_draws=2)
    outlook = fs.forecast(fs.fit(history), history.pipeline(), engine=engine)
    with pytest.raises(ForecastError, match="measure 'profit' is unknown"):
        outlook.draws("profit")  # type: ignore[arg-type]


def test_the_day_of_the_cutoff_is_known_as_far_as_the_cutoff() -> None:
    history = fs.simulate_history(seed=1)
    at_noon = replace(history, cutoff=np.datetime64("2026-08-31T12:00"))
    assert at_noon.as_of("2026-08-31").cutoff == at_noon.cutoff


@pytest.fixture(scope="module")
def outlook() -> fs.Forecast:
    return ask()


def ask(**keywords: Any) -> fs.Forecast:
    history = fs.simulate_history(seed=1)
    return fs.forecast(
        fs.sample_funnel(),
        history.pipeline(),
        **{"engine": fs.MonteCarlo(n_futures=20, n_draws=2)} | keywords,
    )


def test_numbers_that_are_none_are_refused(outlook: fs.Forecast) -> None:
    with pytest.raises(ForecastError, match="is no amount"):
        ask(target=10**400)
    with pytest.raises(ForecastError, match="window True is no number of periods"):
        outlook.mean(True)


@pytest.mark.parametrize("seed", ["a", 1.5, True, [1], -1])
def test_a_seed_is_a_whole_number(seed: object) -> None:
    with pytest.raises(FunnelsimError, match="seed"):
        ask(seed=seed)
    assert ask(seed=np.int64(3)).seed == 3


@pytest.mark.parametrize(
    "periods",
    [
        4,
        None,
        4.5,
        "4",
        "9" * 5000 + "Q",
        [5, 6],
        [None, None],
        ["NaT", "2030-01-01"],
        ["2027-01-01T00:00+02:00"] * 2,
    ],
)
def test_periods_are_a_text_or_dates(periods: object) -> None:
    with pytest.raises(FunnelsimError, match="period"):
        ask(periods=periods)


@pytest.mark.parametrize("month", [0, 13, "4", 4.0, None, True])
def test_a_fiscal_year_begins_in_a_month(month: object) -> None:
    with pytest.raises(FunnelsimError, match="fiscal_start_month must be"):
        ask(fiscal_start_month=month)


@pytest.mark.parametrize("target", [float("nan"), float("inf"), -1, "5M", True, np.array(5.0), [5.0], 1j])
def test_a_target_is_an_amount(outlook: fs.Forecast, target: Any) -> None:
    with pytest.raises(ForecastError, match="is no amount"):
        ask(target=target)
    with pytest.raises(ForecastError, match="is no amount"):
        outlook.chance(target)
    with pytest.raises(ForecastError, match="is no amount"):
        fs.compare_levers(fs.sample_funnel(), fs.simulate_history(seed=1).pipeline(), target=target)
    assert ask(target=np.float32(8.0)).target == 8.0


@pytest.mark.parametrize("chance", [1.5, -0.1, float("nan"), "half", None, [0.5, 2.0]])
def test_a_quantile_is_asked_for_by_a_chance(outlook: fs.Forecast, chance: Any) -> None:
    with pytest.raises(ForecastError, match=r"within 0\.\.1"):
        outlook.quantile(chance)


@pytest.mark.parametrize("window", [1.5, [], slice(9, 12), slice("a"), 0, 5, "2031-Q1", [1], object()])
def test_a_window_names_periods(outlook: fs.Forecast, window: Any) -> None:
    with pytest.raises(ForecastError, match=r"window|no period is called"):
        outlook.window(window)


def test_a_window_counts_no_period_twice(outlook: fs.Forecast) -> None:
    first, second = outlook.periods.labels[:2]
    with pytest.raises(ForecastError, match="once"):
        outlook.window([first, first])
    np.testing.assert_allclose(outlook.window([second, first]), outlook.window(np.int64(2)))  # type: ignore[arg-type]


@pytest.mark.parametrize("lever", [fs.Volume, fs.Conversion, fs.Speed])
@pytest.mark.parametrize(
    "factor", ["a", None, float("nan"), float("inf"), 0, -1.0, 1e300, 1e-300, True, 10**400]
)
def test_a_lever_is_a_factor_within_reason(lever: Callable[[Any], fs.Lever], factor: object) -> None:
    with pytest.raises(LeverError, match="finite factor above 0, not"):
        lever(factor)


@pytest.mark.parametrize("lever", [fs.Volume(900), fs.Conversion(1e15), fs.Speed(0.002)])
def test_levers_together_stay_within_reason(lever: fs.Lever) -> None:
    with pytest.raises(LeverError, match="all levers together"):
        fs.Together((lever, lever)).apply(fs.sample_funnel())


@pytest.mark.parametrize("levers", [fs.Volume(1.1), "volume", [1.1], [fs.Volume]])
def test_levers_are_a_list_of_levers(levers: Any) -> None:
    with pytest.raises(LeverError, match="lever"):
        fs.compare_levers(
            fs.sample_funnel(), fs.simulate_history(seed=1).pipeline(), target=5e6, levers=levers
        )
    with pytest.raises(LeverError, match="lever"):
        fs.Together(levers)


def test_places_that_keep_their_clock_are_a_list() -> None:
    with pytest.raises(LeverError, match="several places"):
        fs.Speed(1.1, except_to="lost").apply(fs.sample_funnel())  # type: ignore[arg-type]


def test_factors_read_as_they_are() -> None:
    assert [fs.Volume(factor).name for factor in (1.1, 1.005, 0.001, 1000)] == [
        "new deals +10 %",
        "new deals +0.5 %",
        "new deals -99.9 %",
        "new deals times 1,000",
    ]
