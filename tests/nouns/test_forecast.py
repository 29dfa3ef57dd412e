"""Forecast: every figure asked of it, on draws written by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from funnelsim.nouns.forecast import Classical, Forecast, ForecastError
from funnelsim.nouns.law import Futures
from funnelsim.nouns.open_deals import OpenDeals
from funnelsim.vocabulary.periods import Periods

# Six futures of three parameter draws (two each), over three periods; realised: 1 win of 100 in the first.
OPEN_WINS = np.array([[1, 0, 2], [0, 1, 0], [2, 2, 0], [0, 0, 0], [1, 1, 1], [3, 0, 1]])
NEW_WINS = np.array([[0, 1, 1], [0, 0, 2], [1, 0, 0], [0, 1, 0], [0, 0, 3], [0, 2, 2]])
OPEN_BOOKINGS = OPEN_WINS * 10.0
NEW_BOOKINGS = NEW_WINS * 7.0
WINS_BY_HAND = [[2, 1, 3], [1, 1, 2], [4, 2, 0], [1, 1, 0], [2, 1, 4], [4, 2, 3]]
TOTAL_WINS = [6, 4, 6, 2, 7, 9]
TOTAL_BOOKINGS = [144.0, 124.0, 147.0, 107.0, 151.0, 168.0]  # 100 + 10 x open + 7 x new


@pytest.fixture
def forecast() -> Forecast:
    return Forecast(
        periods=Periods(np.array([0, 30, 60, 90]), ("Jul", "Aug", "Sep"), cutoff_step=10),
        realised_wins=1.0,
        realised_bookings=100.0,
        outcome=Futures(OPEN_WINS, NEW_WINS, OPEN_BOOKINGS, NEW_BOOKINGS, n_draws=3),
        deals=OpenDeals(
            deal_ids=np.array(["a", "b", "c"], dtype=object),
            stage=np.array([1, 0, 1]),
            stage_names=("lead", "offer", "close"),
            age_steps=np.array([3, 40, 5]),
            amount=np.array([100.0, 1000.0, 30.0]),
            is_imputed=np.array([False, False, True]),
            chance=np.array([[0.2, 0.1, 0.1], [0.0, 0.05, 0.15], [0.5, 0.2, 0.0]]),
            chance_sd=np.array([0.05, 0.1, 0.02]),
        ),
        classical=(Classical("weighted_pipeline", 321.0, 20.0, "a formula"),),
        target=145.0,
        unit="EUR",
        engine="by hand",
        seed=4,
    )


@pytest.fixture
def counts_only(forecast: Forecast) -> Forecast:
    no_money = {"open_bookings": np.empty((0, 3)), "new_bookings": np.empty((0, 3))}
    return replace(forecast, outcome=replace(forecast.outcome, **no_money), classical=())


# --- draws and windows


def test_draws_add_open_new_and_what_is_realised(forecast: Forecast) -> None:
    assert forecast.draws("wins").tolist() == WINS_BY_HAND
    assert forecast.draws().sum(axis=1).tolist() == TOTAL_BOOKINGS
    assert forecast.draws()[0].tolist() == [110.0, 7.0, 27.0]
    assert forecast.n_futures == 6


def test_asking_twice_gives_the_same(forecast: Forecast) -> None:
    """What is realised must not be added to the stored draws."""
    for measure in ("wins", "bookings"):
        first = forecast.draws(measure).copy()  # type: ignore[arg-type]
        assert (forecast.draws(measure) == first).all()  # type: ignore[arg-type]
    assert (forecast.outcome.open_bookings == OPEN_WINS * 10.0).all()


@pytest.mark.parametrize(
    ("window", "columns"),
    [
        (None, [0, 1, 2]),
        (1, [0]),
        (2, [0, 1]),
        (3, [0, 1, 2]),
        ("Aug", [1]),
        (["Jul", "Sep"], [0, 2]),
        (("Sep", "Jul"), [0, 2]),
        (slice(1, None), [1, 2]),
        (slice(0, 2), [0, 1]),
        (slice(-1, None), [2]),
        (slice(None, None, 2), [0, 2]),
    ],
)
def test_window_sums_the_periods_it_names(forecast: Forecast, window: Any, columns: list[int]) -> None:
    expected = [sum(row[column] for column in columns) for row in WINS_BY_HAND]
    assert forecast.window(window, "wins").tolist() == expected


@pytest.mark.parametrize("window", [0, 4, -1])
def test_number_of_leading_periods_must_exist(forecast: Forecast, window: int) -> None:
    with pytest.raises(ForecastError, match=f"{window} leading periods is not within 1..3"):
        forecast.window(window)


@pytest.mark.parametrize("window", ["Oct", ["Jul", "Oct"]])
def test_unknown_period_is_refused_with_the_names(forecast: Forecast, window: Any) -> None:
    with pytest.raises(ForecastError, match="no period is called 'Oct'; the periods are Jul, Aug, Sep"):
        forecast.window(window)


# --- figures


def test_mean_and_its_standard_error_come_from_the_draws_of_parameters(forecast: Forecast) -> None:
    """Two futures a draw: means 5, 4 and 8 wins; the error is their spread over the root of three."""
    mean = forecast.mean(measure="wins")
    assert mean.value == pytest.approx(17 / 3)
    variance = ((5 - 17 / 3) ** 2 + (4 - 17 / 3) ** 2 + (8 - 17 / 3) ** 2) / 2
    assert mean.standard_error == pytest.approx((variance / 3) ** 0.5)
    assert forecast.mean("Aug", "wins").value == pytest.approx(8 / 6)


def test_one_draw_of_parameters_has_no_standard_error(forecast: Forecast) -> None:
    single = replace(forecast, outcome=replace(forecast.outcome, n_draws=1))
    assert single.mean().value == pytest.approx(np.mean(TOTAL_BOOKINGS))
    assert np.isnan(single.mean().standard_error)


def test_sd_is_that_of_the_futures(forecast: Forecast) -> None:
    mean = sum(TOTAL_WINS) / 6
    expected = (sum((n - mean) ** 2 for n in TOTAL_WINS) / 5) ** 0.5
    assert forecast.sd(measure="wins") == pytest.approx(expected)


def test_quantiles_of_a_window_come_from_its_joint_draws(forecast: Forecast) -> None:
    """Sorted totals 2 4 6 6 7 9: the median is 6, four tenths lie at the third."""
    assert forecast.quantile(0.5, measure="wins") == 6
    assert forecast.quantile([0.0, 0.4, 1.0], measure="wins").tolist() == [2, 6, 9]
    assert forecast.quantile(0.2, measure="wins") == 4
    by_period = sum(forecast.quantile(0.9, label, "wins") for label in ("Jul", "Aug", "Sep"))
    assert forecast.quantile(0.9, measure="wins") < by_period  # not a sum of marginal quantiles


def test_chance_counts_futures_that_reach_the_target(forecast: Forecast) -> None:
    """144 124 | 147 107 | 151 168 against 145: shares 0, 1/2, 1 by draw."""
    chance = forecast.chance()
    assert chance.value == pytest.approx(0.5)
    assert chance.standard_error == pytest.approx((0.25 / 3) ** 0.5)
    assert forecast.chance(144.0).value == pytest.approx(4 / 6)  # reached exactly is reached
    assert forecast.chance(144.001).value == pytest.approx(3 / 6)
    assert forecast.chance(4, window=2, measure="wins").value == pytest.approx(2 / 6)
    assert forecast.chance(0).value == 1.0  # zero is a target


def test_chance_of_none_or_all_futures_keeps_an_error(forecast: Forecast) -> None:
    """None out of six does not mean never."""
    for target in (0.0, 1e9):
        assert forecast.chance(target).standard_error == pytest.approx(1 / 6)


def test_chance_needs_a_target(forecast: Forecast) -> None:
    with pytest.raises(ForecastError, match="no target is known"):
        replace(forecast, target=None).chance()


def test_chance_falls_with_the_target_and_matches_the_quantiles(forecast: Forecast) -> None:
    targets = sorted({*TOTAL_BOOKINGS, 0.0, 1e6})
    chances = [forecast.chance(target).value for target in targets]
    assert chances == sorted(chances, reverse=True)
    assert chances == [sum(total >= target for total in TOTAL_BOOKINGS) / 6 for target in targets]


# --- without amounts


def test_without_amounts_wins_are_the_measure(counts_only: Forecast) -> None:
    assert counts_only.measure == "wins"
    assert counts_only.draws().tolist() == WINS_BY_HAND
    assert counts_only.chance(6).value == pytest.approx(4 / 6)
    with pytest.raises(ForecastError, match=r"no amounts.*measure='wins'"):
        counts_only.draws("bookings")
    assert "weighted_pipeline" not in counts_only.table()


def test_without_amounts_no_amount_is_shown(counts_only: Forecast) -> None:
    assert not {"amount", "expected"} & set(counts_only.by_deal().columns)
    assert not {"amount", "expected_bookings"} & set(counts_only.by_stage().columns)
    assert counts_only.by_deal()["deal_id"].tolist() == ["c", "a", "b"]  # by chance: .7 .4 .2


# --- tables


def test_table_by_hand(forecast: Forecast) -> None:
    table = forecast.table()
    assert table.index.tolist() == ["Jul", "Aug", "Sep", "total"]
    assert table["realised"].tolist() == [100, 0, 0, 100]
    open_part, new_part = OPEN_BOOKINGS.mean(axis=0), NEW_BOOKINGS.mean(axis=0)
    assert table["open_deals"].tolist() == pytest.approx([*open_part, open_part.sum()])
    assert table["new_deals"].tolist() == pytest.approx([*new_part, new_part.sum()])
    assert table.loc["total", "mean"] == pytest.approx(np.mean(TOTAL_BOOKINGS))
    # sorted 107 124 144 147 151 168: a tenth lies half-way to the second, nine tenths half-way from the fifth
    assert table.loc["total", ["p10", "p50", "p90"]].tolist() == pytest.approx([115.5, 145.5, 159.5])
    assert table.loc["total", "sd"] == pytest.approx(np.std(TOTAL_BOOKINGS, ddof=1))
    assert table["weighted_pipeline"].isna().tolist() == [True, True, True, False]
    assert table.loc["total", "weighted_pipeline"] == 321.0


@pytest.mark.parametrize("measure", ["bookings", "wins"])
def test_parts_of_a_table_add_up(forecast: Forecast, measure: Any) -> None:
    table = forecast.table(measure)
    parts = table[["realised", "open_deals", "new_deals"]].sum(axis=1)
    assert parts.tolist() == pytest.approx(table["mean"].tolist())
    for column in ("realised", "open_deals", "new_deals", "mean"):
        assert table[column].iloc[:-1].sum() == pytest.approx(table.loc["total", column])
    assert (table["p10"] <= table["p50"]).all()
    assert (table["p50"] <= table["p90"]).all()
    for label in ("Jul", "Aug", "Sep"):
        assert table.loc[label, "mean_se"] == pytest.approx(forecast.mean(label, measure).standard_error)


def test_wins_have_no_classical_figure(forecast: Forecast) -> None:
    assert "weighted_pipeline" not in forecast.table("wins")
    assert forecast.table("wins").loc["total", "mean"] == pytest.approx(17 / 3 + 0)


def test_by_deal_lists_what_each_may_bring(forecast: Forecast) -> None:
    frame = forecast.by_deal()
    assert frame["deal_id"].tolist() == ["b", "a", "c"]  # 200, 40, 21
    assert frame["stage"].tolist() == ["lead", "offer", "offer"]
    assert frame["chance"].tolist() == pytest.approx([0.2, 0.4, 0.7])
    assert frame["expected"].tolist() == pytest.approx([200.0, 40.0, 21.0])
    assert frame["amount_is_imputed"].tolist() == [False, False, True]
    assert frame["chance in Aug"].tolist() == pytest.approx([0.05, 0.1, 0.2])
    assert frame["chance_sd"].tolist() == [0.1, 0.05, 0.02]


def test_by_stage_adds_the_deals_of_a_stage(forecast: Forecast) -> None:
    frame = forecast.by_stage()
    assert frame.index.tolist() == ["lead", "offer"]  # in the order of the funnel; "close" has no deal
    assert frame["n_deals"].tolist() == [1, 2]
    assert frame["amount"].tolist() == [1000.0, 130.0]
    assert frame["expected_wins"].tolist() == pytest.approx([0.2, 1.1])
    assert frame["expected_wins_sd"].tolist() == pytest.approx([0.16**0.5, (0.24 + 0.21) ** 0.5])
    assert frame["expected_bookings"].tolist() == pytest.approx([200.0, 61.0])


def test_coin_flip_range_is_that_of_a_normal_law() -> None:
    low, high = Classical("x", 100.0, 10.0, "").interval80
    assert (low + high) / 2 == pytest.approx(100.0)
    assert (high - low) / 2 == pytest.approx(12.8155, abs=1e-3)


@pytest.mark.parametrize("make", [lambda f: f, lambda f: replace(f, target=None)])
def test_forecast_prints_its_range(forecast: Forecast, make: Callable[[Forecast], Forecast]) -> None:
    text = repr(make(forecast))
    assert "Jul .. Sep" in text
    assert "P50 146 EUR" in text
    assert ("chance of 145" in text) == (make(forecast).target is not None)
