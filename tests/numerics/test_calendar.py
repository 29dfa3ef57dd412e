"""Calendar factors: which day is which, recovery of known factors, and no gain where there is none."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from funnelsim.numerics.calendar import HOLIDAY, Factors, by_step, categories, fit_factors, gain_of

DAYS = np.arange("2024-01-01", "2026-01-01", dtype="datetime64[D]").astype("datetime64[s]")


def test_categories_are_those_of_the_python_calendar() -> None:
    for i in range(0, len(DAYS), 17):
        day = DAYS[i].astype(dt.datetime)
        at = DAYS[i : i + 1]
        assert categories(at, "weekday").tolist() == [day.weekday()]
        assert categories(at, "month of year").tolist() == [day.month - 1]
        assert categories(at, "month of quarter").tolist() == [(day.month - 1) % 3]
    before = np.array(["1969-12-31T23:00"], dtype="datetime64[s]")  # a Wednesday
    assert categories(before, "weekday").tolist() == [2]
    assert categories(before, "hour of day").tolist() == [23]


def test_a_holiday_is_no_weekday() -> None:
    found = categories(DAYS[:3], "weekday", [np.datetime64("2024-01-02")])
    assert found.tolist() == [0, HOLIDAY, 2]


def truth() -> tuple[np.ndarray, dict]:
    kinds = {kind: categories(DAYS, kind) for kind in ("weekday", "month of year")}  # type: ignore[arg-type]
    weekday = np.array([1.6, 1.3, 1.2, 1.2, 1.1, 0.4, 0.2, 1.0])
    month = 1 + 0.3 * np.sin(np.arange(12) / 12 * 2 * np.pi)
    return weekday[kinds["weekday"]] * month[kinds["month of year"]], kinds


def test_known_factors_are_recovered_together() -> None:
    """60 counts a day: standard errors of about .01; an error of .05 in a factor would show.

    A part of a year, so that weekdays and months are not balanced.
    """
    shape, kinds = truth()
    part = slice(40, 690)
    rng = np.random.default_rng(1)
    expected = np.full(len(DAYS), 60.0) * np.linspace(0.7, 1.4, len(DAYS))
    observed = rng.poisson(expected * shape).astype(float)
    found = fit_factors(observed[part], expected[part], {k: at[part] for k, at in kinds.items()})
    by_kind = {f.kind: f for f in found}
    np.testing.assert_allclose(by_kind["weekday"].values[:7], [1.6, 1.3, 1.2, 1.2, 1.1, 0.4, 0.2], atol=0.05)
    np.testing.assert_allclose(
        by_kind["month of year"].values, 1 + 0.3 * np.sin(np.arange(12) / 12 * 2 * np.pi), atol=0.05
    )
    assert by_kind["weekday"].values[:7].mean() == pytest.approx(1.0)
    assert (by_kind["weekday"].standard_error[:7] < 0.03).all()


def test_few_counts_leave_a_factor_near_one() -> None:
    """Two counts on a Sunday where none is expected to be special: (2 + 10) / (2 / 7 + 10) = 1.167."""
    kinds = {"weekday": categories(DAYS[:14], "weekday")}
    observed = np.zeros(14)
    observed[6] = 2.0
    values = fit_factors(observed, np.ones(14), kinds)[0].values  # type: ignore[arg-type]
    assert values[6] == pytest.approx(12 / (10 + 2 / 7), rel=1e-3)


def test_gain_is_the_log_likelihood_of_later_counts() -> None:
    """By hand: two steps, factor 2 and 1, counts 6 and 2; multinomial with shares 2/3, 1/3 against halves."""
    gain = gain_of(np.array([2.0, 1.0]), np.array([6.0, 2.0]), np.ones(2), np.arange(2))
    assert gain.per_count == pytest.approx((6 * np.log(4 / 3) + 2 * np.log(2 / 3)) / 8)


def test_a_calendar_where_there_is_none_is_seldom_seen() -> None:
    """Factors learnt from noise on 400 days, tested on 200, 300 times: at most one in twenty looks clear."""
    rng = np.random.default_rng(2)
    kinds = categories(DAYS[:600], "weekday")
    clear = 0
    for _ in range(300):
        observed = rng.poisson(rng.gamma(4.0, 1.0, 600)).astype(float)  # over-dispersed
        learnt = fit_factors(observed[:400], np.full(400, 4.0), {"weekday": kinds[:400]})
        factor = by_step({"weekday": learnt[0].values}, {"weekday": kinds}, 600)[400:]
        clear += gain_of(factor, observed[400:], np.full(200, 4.0), np.arange(200)).is_clear
    assert clear <= 15


def test_a_calendar_that_is_there_is_seen() -> None:
    rng = np.random.default_rng(3)
    shape, kinds = truth()
    observed = rng.poisson(1.0 * shape).astype(float)
    learnt = fit_factors(observed[:400], np.ones(400), {"weekday": kinds["weekday"][:400]})
    factor = by_step({"weekday": learnt[0].values}, kinds, len(DAYS))[400:]
    assert gain_of(factor, observed[400:], np.ones(len(DAYS) - 400), np.arange(len(DAYS) - 400)).is_clear


def test_factors_are_frozen() -> None:
    f = Factors("weekday", np.ones(8), np.zeros(8))
    with pytest.raises(ValueError, match="read-only"):
        f.values[0] = 2.0
