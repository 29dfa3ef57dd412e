"""Goodness of fit of hazards: its reference law where it is known, and errors that it must see."""

from __future__ import annotations

import numpy as np
import pytest

from funnelsim.numerics.aalen_johansen import aalen_johansen
from funnelsim.numerics.goodness_of_fit import check_exits, incidence_bounds, kaplan_meier


def simulated(rng: np.random.Generator, n: int, hazard: np.ndarray) -> tuple[np.ndarray, ...]:
    """Stays with the given hazard by age: some entered late, all censored at some age."""
    dwell = (rng.random((n, len(hazard))) < hazard).argmax(axis=1)
    censored = rng.integers(0, 60, n)
    entry = np.where(rng.random(n) < 0.3, rng.integers(0, 10, n), 0)
    kept = np.minimum(dwell, censored) >= entry
    age, left, entry = np.minimum(dwell, censored)[kept], (dwell <= censored)[kept], entry[kept]
    at_risk = np.cumsum(np.bincount(entry, minlength=61) - np.bincount(age + 1, minlength=61))[:60]
    return np.bincount(age[left], minlength=60).astype(float), at_risk.astype(float), age, left, entry


def constant(exits: np.ndarray, at_risk: np.ndarray):
    """Check of a hazard that does not change with age; its maximum of likelihood is a ratio."""
    hazard = np.full(len(exits), exits.sum() / at_risk.sum())
    return check_exits(exits, at_risk, hazard, np.ones((len(exits), 1)))


def test_statistic_has_the_degrees_of_freedom_it_states():
    """d = 1 degree of freedom: that of the fitted rate, were it not allowed for."""
    rng = np.random.default_rng(0)
    true = np.append(np.full(199, 0.05), 1.0)
    found = [constant(*simulated(rng, 400, true)[:2]) for _ in range(1000)]
    excess = np.array([check.statistic - check.df for check in found])
    error = excess.std(ddof=1) / np.sqrt(len(excess))
    assert abs(excess.mean()) < 4 * error
    assert 4 * error < 1.0  # so one degree more or less would be seen
    assert all(check.df == len(check.first_age) - 1 for check in found)
    p_values = np.array([check.p_value for check in found])
    assert abs((p_values < 0.05).mean() - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 1000) + 0.01


def test_an_expiry_is_seen():
    """Where a tenth of deals end at one age, a constant hazard is refused."""
    hazard = np.append(np.full(199, 0.05), 1.0)
    hazard[30] = 0.5
    check = constant(*simulated(np.random.default_rng(0), 1500, hazard)[:2])
    assert check.p_value < 1e-6


def test_expected_exits_add_up_and_bins_hold_enough():
    exits, at_risk, *_ = simulated(np.random.default_rng(2), 500, np.append(np.full(199, 0.05), 1.0))
    check = constant(exits, at_risk)
    assert check.observed.sum() == exits.sum() == pytest.approx(check.expected.sum())
    assert (check.expected >= 5).all()


def test_few_exits_say_nothing():
    check = constant(np.array([2.0, 1.0]), np.array([5.0, 3.0]))
    assert (check.df, check.p_value, check.statistic) == (0, 1.0, 0.0)


def test_kaplan_meier_is_aalen_johansen_of_all_ways_out():
    exits, at_risk, age, left, entry = simulated(
        np.random.default_rng(3), 200, np.append(np.full(199, 0.08), 1.0)
    )
    found = aalen_johansen(
        ["in"] * len(age),
        np.where(left, "out", None),
        entry,
        age + 1.0,
        start_state="in",
        states=["in", "out"],
    ).at(np.arange(60) + 1.0)
    survival, error = kaplan_meier(exits, at_risk)
    np.testing.assert_allclose(survival, found.occupation_prob[:, 0], atol=1e-12)
    np.testing.assert_allclose(error, found.occupation_se[:, 0], atol=1e-12)


def test_bounds_stay_within_0_and_1_and_are_finite_at_the_ends():
    survival, error = np.array([1.0, 0.99, 0.5, 0.01, 0.0]), np.array([0.0, 0.01, 0.05, 0.01, 0.0])
    low, high = incidence_bounds(survival, error, 1.96)
    assert (low >= 0).all()
    assert (high <= 1).all()
    assert (low <= 1 - survival).all()
    assert (1 - survival <= high).all()
    assert (low[0], high[0], low[-1], high[-1]) == (0, 0, 1, 1)
    # half have left, with error .05: log(-log S) moves by 1.96 * .05 / (.5 log 2)
    reach = 1.96 * 0.05 / (0.5 * np.log(2))
    assert high[2] == pytest.approx(1 - 0.5 ** np.exp(reach))
