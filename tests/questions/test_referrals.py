"""Repeat orders: counts by hand, a known rate recovered under censoring, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import funnelsim as fs
from funnelsim.numerics.recurrence import cluster_rate_draws, lag_summary, seen_lags
from funnelsim.questions.referrals import ReferralError

DAY0 = np.datetime64("2024-01-01")


def history_of(rows: list[tuple], **settings: object) -> fs.DealHistory:
    """Deals (customer, created, won or None) in days of a one-stage funnel."""
    frame = pd.DataFrame(rows, columns=["customer", "created", "won"])
    day = frame["created"].to_numpy().astype("timedelta64[D]")
    won = frame["won"].to_numpy(float)
    closed = np.where(np.isnan(won), np.timedelta64("NaT"), np.nan_to_num(won).astype("timedelta64[D]"))
    deals = pd.DataFrame(
        {
            "deal_id": [f"d{i}" for i in range(len(frame))],
            "created_at": DAY0 + day,
            "outcome": np.where(np.isnan(won), "open", "won"),
            "closed_at": DAY0 + closed.astype("timedelta64[D]"),
            "customer": frame["customer"],
        }
        | {k: settings.pop(k) for k in ("source",) if k in settings}
    )
    return fs.read_deals(deals, stages=fs.Stages.named(["open"]), **settings)


def by_hand(**settings: object) -> fs.DealHistory:
    rows = [("a", 0, 10), ("a", 40, 50), ("a", 60, None), ("a", 90, None), ("b", 20, 20), ("b", 20, None)]
    rows += [("c", 5, None), (None, 30, 35), ("b", 100, None)]
    dates = {"as_of": "2024-04-10", "window_start": "2024-01-01", "arrivals_until": "2024-04-10"}
    return history_of(rows, **(dates | settings))


def world(seed: int, rate: float, n: int) -> fs.DealHistory:
    """Customers won at some time of three years; each then sends deals by a Poisson process."""
    rng = np.random.default_rng(seed)
    rows: list[tuple] = []
    for i in range(n):
        first = int(rng.integers(0, 1000))
        rows.append((f"c{i}", first, min(first + 20, 1090)))
        times = np.arange(first + 21, 1096)[rng.random(max(1096 - first - 21, 0)) < rate / 365.25]
        rows += [(f"c{i}", int(day), None) for day in times]
    return history_of(rows, as_of="2026-12-31", window_start="2024-01-01", arrivals_until="2026-12-31")


def test_counts_by_hand():
    """Win of a on day 10: the deal of day 40; of day 50: days 60, 90. Win of b on day 20: day 100 alone."""
    found = fs.referrals(by_hand())
    assert found.code.tolist() == [0, 0, 1]
    assert found.n_repeats.tolist() == [1, 2, 1]
    assert found.exposure_steps.tolist() == [40, 50, 80]
    assert sorted(found.lag_steps.tolist()) == [10, 30, 80]
    assert found.is_next.all()
    assert found.rate_per_year == pytest.approx(4 / 170 * 365.25)
    assert any("1 of 9 deals name no 'customer'" in note for note in found.notes)


def test_the_window_and_the_end_of_arrivals_are_honoured():
    late = fs.referrals(by_hand(window_start="2024-02-20"))  # day 50
    assert late.n_repeats.tolist() == [0, 2, 1]
    assert late.exposure_steps.tolist() == [1, 50, 51]
    early = fs.referrals(by_hand(arrivals_until="2024-03-16"))  # day 75
    assert early.n_repeats.tolist() == [1, 1, 0]
    assert early.exposure_steps.tolist() == [40, 25, 55]


def test_the_rate_is_recovered_where_the_count_per_win_is_not():
    """Smallest error that matters: 0.08 of 0.8 a year; n = rate (7.1 / d)^2 = 6,300 years need 4,200 wins."""
    found = fs.referrals(world(1, 0.8, 4200), n_draws=20)
    error = np.sqrt(0.8 / found.exposure_years)
    assert abs(found.rate_per_year - 0.8) < 4 * error
    assert abs(found.rate_per_year - 0.88) > 3 * error
    table = found.table()
    assert abs(table.loc["repeat orders per win, as counted", "value"] / 0.8 - 1) > 0.3
    chance = table.loc["chance of a next deal"]
    longest = seen_lags(found.lag_steps, found.is_next, 10)
    expected = stats.expon(scale=365.25 / 0.8).cdf(longest)
    assert abs(chance["value"] - expected) < 0.05
    half = stats.expon(scale=365.25 / 0.8).ppf(expected / 2)
    assert table.loc["median lag in days", "value"] == pytest.approx(half, rel=0.1)


def test_tables_are_whole():
    table = fs.referrals(world(2, 0.8, 150)).table()
    assert not table.isna().any().any()
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()
    few = fs.referrals(by_hand()).table()
    assert few.loc["lag", "words"].startswith("cannot tell: 3 next deals")
    assert not few.isna().any().any()


def test_referred_arrivals_are_counted_and_called_an_association():
    source = ["Referral ", "web", "referral", None, "web", "web", "web", "web", "web"]
    row = fs.referrals(by_hand(source=source)).table().loc["referred arrivals per win"]
    assert row["value"] == pytest.approx(2 / 4)
    assert row["low"] == pytest.approx(stats.chi2(4).ppf(0.1) / 2 / 4)
    assert row["high"] == pytest.approx(stats.chi2(6).ppf(0.9) / 2 / 4)
    assert "association" in row["words"]
    misspelt = fs.referrals(by_hand(source=source), referral="referal")
    assert "did you mean" in misspelt.notes[0]
    assert "referred arrivals per win" not in misspelt.table().index


def test_several_attributes_are_no_customer():
    with pytest.raises(ReferralError, match=r"customer \['customer', 'source'\] must be the name of one"):
        fs.referrals(by_hand(), ["customer", "source"])


def test_refusals():
    with pytest.raises(ReferralError, match="did you mean 'customer'"):
        fs.referrals(by_hand(), "custmer")
    alone = history_of([("a", 0, 5), ("b", 3, None)], as_of="2024-03-01", window_start="2024-01-01")
    with pytest.raises(ReferralError, match="shared by two deals"):
        fs.referrals(alone)
    rows = [("a", 0, None), ("a", 3, None), (None, 1, 2)]
    none_won = history_of(rows, as_of="2024-03-01", window_start="2024-01-01")
    with pytest.raises(ReferralError, match="no won deal names"):
        fs.referrals(none_won)


def test_lags_by_hand():
    """Returns at 2 (4 watched) and 5 (2 watched), ends at 3 and 9: F = 1/4, then 1 - 3/4 x 1/2 = 5/8."""
    lag, is_event = np.array([2, 3, 5, 9]), np.array([True, False, True, False])
    found = lag_summary(lag, is_event, np.ones(4), 5, np.array([0.4, 0.5]))
    np.testing.assert_allclose(found, [0.625, 2, 5])
    assert seen_lags(lag, is_event, 2) == 5
    assert seen_lags(lag, is_event, 3) == 2


def test_clusters_that_differ_widen_the_rate():
    alike = cluster_rate_draws(np.full(50, 4.0), np.ones(50), np.random.default_rng(0), 500)
    uneven = cluster_rate_draws(np.append(np.zeros(49), 200.0), np.ones(50), np.random.default_rng(0), 500)
    assert alike.std() == pytest.approx(0.0, abs=1e-9)
    assert uneven.std() > 2
