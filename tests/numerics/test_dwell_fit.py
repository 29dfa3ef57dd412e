"""Dwell fits: likelihoods against a plain loop, closed forms, recovery, data without an answer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from funnelsim.numerics.dwell import (
    FAMILIES,
    Dwell,
    DwellDataError,
    DwellFitError,
    ExactTimes,
    Exponential,
    Gamma,
    GeneralisedGamma,
    Loglogistic,
    Lognormal,
    NeverLeaves,
    Weibull,
    best_dwell,
    fit_dwell,
)
from funnelsim.numerics.dwell.likelihood import WholeSteps

Rows = list[tuple[float, bool, float]]

LAWS: list[Dwell] = [
    Exponential(0.12),
    Weibull(1.6, 9.0),
    Gamma(2.5, 0.3),
    Lognormal(1.9, 0.7),
    Loglogistic(2.1, 7.0),
    GeneralisedGamma(1.8, 0.6, -0.8),
]
each_law = pytest.mark.parametrize("law", LAWS, ids=[law.family for law in LAWS])
many = settings(max_examples=60, deadline=None, derandomize=True)


# --- the likelihoods


@st.composite
def random_stays(draw: Any, whole: bool) -> Rows:
    rows = []
    for _ in range(draw(st.integers(1, 8))):
        entry = draw(st.integers(0, 20))
        stay = draw(st.integers(0 if whole else 1, 30))
        is_exit = draw(st.booleans())
        rows.append((float(entry + stay), is_exit, float(entry)))
    return rows


def plain_survival(law: Dwell, share: float, age: float) -> float:
    return share + (1 - share) * float(np.exp(law.log_survival(age)))


def plain_likelihood(rows: Rows, law: Dwell, share: float, whole: bool) -> float:
    """Product over stays, one at a time, straight from the definition."""
    total = 0.0
    for age, is_exit, entry in rows:
        if whole and is_exit:
            seen = plain_survival(law, share, age) - plain_survival(law, share, age + 1)
        elif whole:
            seen = plain_survival(law, share, age + 1)
        elif is_exit:
            h = 1e-5 * age
            seen = (plain_survival(law, share, age - h) - plain_survival(law, share, age + h)) / (2 * h)
        else:
            seen = plain_survival(law, share, age)
        total += math.log(seen / plain_survival(law, share, entry))
    return total


@pytest.mark.parametrize("whole", [False, True])
@given(data=st.data())
@many
def test_likelihood_is_the_product_over_stays(whole: bool, data: Any) -> None:
    rows = data.draw(random_stays(whole))
    law, share = data.draw(st.sampled_from(LAWS)), data.draw(st.sampled_from([0.0, 0.35]))
    stays = (WholeSteps if whole else ExactTimes).of(*zip(*rows, strict=True))
    value = stays.log_likelihood(NeverLeaves(law, share) if share else law)
    assert value == pytest.approx(plain_likelihood(rows, law, share, whole), rel=1e-5, abs=1e-5)


@each_law
@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize("kind", [ExactTimes, WholeSteps])
def test_gradient_equals_central_differences(law: Dwell, kind: Any, share: bool) -> None:
    stays = kind.of([3, 8, 15, 40, 2, 9, 31, 3], [1, 1, 0, 1, 1, 0, 1, 1], [0, 0, 4, 8, 1, 2, 0, 0])
    rng = np.random.default_rng(5)
    for _ in range(3):
        theta = np.append(law.unconstrained, [-0.6] * share) + 0.2 * rng.normal(size=len(law.params) + share)
        _, gradient = stays.value_and_gradient(type(law), theta, never_leaves=share)
        for j, h in enumerate([1e-5] * len(theta)):
            shift = np.zeros(len(theta))
            shift[j] = h
            up, down = (
                stays.value_and_gradient(type(law), theta + s, never_leaves=share)[0] for s in (shift, -shift)
            )
            assert gradient[j] == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-6)


# --- closed forms


def test_exponential_rate_is_exits_over_exposure() -> None:
    fit = fit_dwell([4.0, 9.0, 30.0, 6.5], [1, 1, 0, 1], entry=[0.0, 5.0, 10.0, 0.0], family="exponential")
    assert fit.params["rate"] == pytest.approx(3 / 34.5, rel=1e-7)
    assert fit.se["rate"] == pytest.approx(math.sqrt(3) / 34.5, rel=1e-6)
    assert fit.loglik == pytest.approx(3 * math.log(3 / 34.5) - 3, rel=1e-12)


def test_exponential_steps_are_geometric() -> None:
    """Chance per step = exits over stay-steps at risk, counted as the house counts them."""
    fit = fit_dwell([0, 3, 7, 12], [1, 1, 0, 1], entry=[0, 0, 2, 12], family="exponential", whole_steps=True)
    assert fit.dwell.step_hazard(5.0) == pytest.approx(3 / (1 + 4 + 6 + 1), rel=1e-6)


def test_never_leaves_exponential_solves_its_equations() -> None:
    """All watched for the same time c: exits follow an exponential cut at c; their share fixes the rest."""
    watched, n_stays = 20.0, 400
    exits = np.random.default_rng(8).exponential(7.0, 600)
    exits = exits[exits < watched][:250]
    rate = optimize.brentq(lambda r: 1 / r - watched / math.expm1(r * watched) - exits.mean(), 1e-3, 10)
    leavers = len(exits) / n_stays / -math.expm1(-rate * watched)
    ages = np.concatenate([exits, np.full(n_stays - len(exits), watched)])
    fit = fit_dwell(ages, ages < watched, family="exponential", never_leaves=True)
    assert fit.params["rate"] == pytest.approx(rate, rel=1e-5)
    assert fit.params["never_leaves"] == pytest.approx(1 - leavers, rel=1e-5)
    assert fit.se_log_scale["never_leaves"] == pytest.approx(
        fit.se["never_leaves"] / (leavers * (1 - leavers)), rel=1e-4
    )


# --- recovery


def watched_stays(law: Dwell, share: float, whole: bool, n: int, seed: int) -> tuple[np.ndarray, ...]:
    """Stays of a known law: a third came under observation late, all are cut after a random age."""
    rng = np.random.default_rng(seed)
    dwell = np.where(rng.random(n) < share, np.inf, law.quantile(rng.random(n)))
    entry = np.where(rng.random(n) < 0.33, rng.uniform(0, 6, n), 0.0)
    last = entry + rng.uniform(5, 40, n)
    if whole:  # everything on the last step is known
        dwell, entry, last = np.floor(dwell), np.floor(entry), np.floor(last)
        seen = dwell >= entry
    else:
        seen = dwell > entry
    is_exit = dwell <= last
    return tuple(column[seen] for column in (np.minimum(dwell, last), is_exit, entry))


@each_law
@pytest.mark.parametrize("whole", [False, True])
def test_known_parameters_are_recovered(law: Dwell, whole: bool) -> None:
    time, is_exit, entry = watched_stays(law, 0.0, whole, 1000, seed=11)
    fit = fit_dwell(time, is_exit, entry=entry, family=law.family, whole_steps=whole)
    assert_recovered(fit.dwell.unconstrained, law.unconstrained, fit.cov_log_scale)


@pytest.mark.parametrize("whole", [False, True])
def test_forgetting_delayed_entry_is_seen(whole: bool) -> None:
    """Negative control of the recovery tests: the same fit without entries misses the truth by far."""
    time, is_exit, entry = watched_stays(LAWS[0], 0.0, whole, 6000, seed=11)
    right = fit_dwell(time, is_exit, entry=entry, family="exponential", whole_steps=whole)
    wrong = fit_dwell(time, is_exit, family="exponential", whole_steps=whole)
    assert_recovered(right.dwell.unconstrained, LAWS[0].unconstrained, right.cov_log_scale)
    with pytest.raises(AssertionError):
        assert_recovered(wrong.dwell.unconstrained, LAWS[0].unconstrained, wrong.cov_log_scale)


def test_reading_whole_steps_as_exact_times_is_seen() -> None:
    """Negative control of the two likelihoods: each is wrong on the other's data."""
    time, is_exit, entry = watched_stays(LAWS[0], 0.0, True, 6000, seed=12)
    wrong = fit_dwell(time + 1e-9, is_exit, entry=entry, family="exponential")
    with pytest.raises(AssertionError):
        assert_recovered(wrong.dwell.unconstrained, LAWS[0].unconstrained, wrong.cov_log_scale)


@pytest.mark.parametrize("law", [LAWS[0], LAWS[1], LAWS[3], LAWS[4]], ids=lambda law: law.family)
def test_share_that_never_leaves_is_recovered(law: Dwell) -> None:
    time, is_exit, entry = watched_stays(law, 0.3, True, 1500, seed=3)
    fit = fit_dwell(time, is_exit, entry=entry, family=law.family, whole_steps=True, never_leaves=True)
    found = np.append(fit.dwell.leavers.unconstrained, math.log(fit.dwell.share / (1 - fit.dwell.share)))
    truth = np.append(law.unconstrained, math.log(0.3 / 0.7))
    assert_recovered(found, truth, fit.cov_log_scale)


def assert_recovered(found: np.ndarray, truth: np.ndarray, cov: np.ndarray) -> None:
    """Every parameter within 4 standard errors, and together within a chi-square of the same rarity."""
    gap = found - truth
    assert (np.abs(gap) < 4 * np.sqrt(cov.diagonal())).all(), (found, truth, np.sqrt(cov.diagonal()))
    assert gap @ np.linalg.solve(cov, gap) < 25


@each_law
def test_no_nearby_parameters_are_more_likely(law: Dwell) -> None:
    time, is_exit, entry = watched_stays(law, 0.0, False, 200, seed=2)
    stays = ExactTimes.of(time, is_exit, entry)
    fit = fit_dwell(time, is_exit, entry=entry, family=law.family)
    rng = np.random.default_rng(0)
    root = np.linalg.cholesky(fit.cov_log_scale)
    for step in (root @ rng.normal(size=len(root)) for _ in range(20)):
        moved = type(law).from_unconstrained(fit.dwell.unconstrained + step)
        assert stays.log_likelihood(moved) < fit.loglik
    assert stays.log_likelihood(fit.dwell) == pytest.approx(fit.loglik, abs=1e-9)


# --- invariants


@each_law
def test_unit_of_time_does_not_matter(law: Dwell) -> None:
    time, is_exit, entry = watched_stays(law, 0.0, False, 60, seed=4)
    near = fit_dwell(time, is_exit, entry=entry, family=law.family)
    for factor in (1e-100, 1e100):
        far = fit_dwell(time * factor, is_exit, entry=entry * factor, family=law.family)
        assert far.loglik == pytest.approx(near.loglik - near.n_exits * math.log(factor), rel=1e-9)
        assert far.dwell.median() == pytest.approx(near.dwell.median() * factor, rel=1e-5)
        area = far.dwell.restricted_mean(20 * factor)
        assert area == pytest.approx(near.dwell.restricted_mean(20.0) * factor, rel=1e-5)


def test_order_of_rows_is_irrelevant_and_ties_are_counted() -> None:
    time, is_exit = np.array([3, 3, 3, 7, 7, 12, 20, 20]), np.array([1, 1, 0, 1, 1, 1, 0, 0])
    fit = fit_dwell(time, is_exit, family="weibull", whole_steps=True)
    again = fit_dwell(time[::-1], is_exit[::-1], family="weibull", whole_steps=True)
    twice = fit_dwell(np.repeat(time, 2), np.repeat(is_exit, 2), family="weibull", whole_steps=True)
    assert again.params == fit.params
    assert twice.params == pytest.approx(fit.params, rel=1e-5)
    np.testing.assert_allclose(2 * twice.cov, fit.cov, rtol=1e-4)
    assert twice.loglik == pytest.approx(2 * fit.loglik, rel=1e-9)


# --- data without an answer


@pytest.mark.parametrize("family", FAMILIES)
def test_no_maximum_is_said(family: str) -> None:
    for never_leaves in (False, True):
        with pytest.raises(DwellFitError, match="none of the 3 stays ended"):
            fit_dwell([1, 2, 3], [0, 0, 0], family=family, never_leaves=never_leaves)
    with pytest.raises(DwellFitError, match="likelihood"):
        fit_dwell([0, 0, 0, 0], [1, 1, 1, 1], family=family, whole_steps=True)


def test_no_maximum_with_a_share_is_said() -> None:
    with pytest.raises(DwellFitError, match="likelihood"):
        fit_dwell([0, 0, 0], [1, 1, 1], family="weibull", whole_steps=True, never_leaves=True)


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "exponential"])
@pytest.mark.parametrize(("n", "whole"), [(1, False), (20, True)])
def test_exits_at_one_moment_fix_no_shape(family: str, n: int, whole: bool) -> None:
    with pytest.raises(DwellFitError, match="likelihood"):
        fit_dwell([7.0] * n, [1] * n, family=family, whole_steps=whole)


def test_one_exit_fixes_a_rate() -> None:
    fit = fit_dwell([4.0], [1], family="exponential")
    assert (fit.params["rate"], fit.se["rate"]) == pytest.approx((0.25, 0.25), rel=1e-6)


def test_share_that_is_best_at_zero_is_said() -> None:
    with pytest.raises(DwellFitError, match="highest when every deal leaves"):
        fit_dwell([1.0, 3.0, 4.0, 7.0], [1, 1, 1, 1], family="weibull", never_leaves=True)


@pytest.mark.parametrize(
    ("time", "is_exit", "entry", "whole", "reason"),
    [
        ([], [], None, False, "one entry per stay"),
        ([1.0, 2.0], [1], None, False, "one entry per stay"),
        ([1.0, np.nan], [1, 1], None, False, "finite and >= 0; 1 of 2, the first is row 1"),
        ([-1.0], [1], None, False, "finite and >= 0"),
        ([1.0], [2], None, False, "true or false"),
        ([0.0], [1], None, False, "whole_steps=True"),
        ([3.0], [1], [3.0], False, "entry >= time"),
        ([3], [1], [4], True, "entry > time"),
        ([3.5], [1], None, True, "whole numbers"),
        ([3.0], [1], [-1.0], False, "entry ages"),
    ],
)
def test_unusable_stays_are_refused(time: Any, is_exit: Any, entry: Any, whole: bool, reason: str) -> None:
    with pytest.raises(DwellDataError, match=reason):
        fit_dwell(time, is_exit, entry=entry, whole_steps=whole, family="exponential")


def test_unknown_family_is_refused() -> None:
    with pytest.raises(DwellDataError, match="no family 'normal'"):
        fit_dwell([1.0], [1], family="normal")


# --- choosing


def test_best_dwell_orders_by_aic_and_tells_failures() -> None:
    time, is_exit, entry = watched_stays(LAWS[1], 0.3, True, 800, seed=6)
    families = ["exponential", "weibull", "loglogistic"]
    found = best_dwell(time, is_exit, families=families, entry=entry, whole_steps=True, never_leaves=True)
    aics = [fit.aic for fit in found.fits]
    assert aics == sorted(aics)
    assert (found.best.family, found.best.never_leaves) == ("weibull", True)
    assert len(found.fits) + len(found.failures) == 6
    tied = best_dwell([5.0, 5.0], [1, 1], families=["exponential", "weibull"])
    assert [fit.family for fit in tied.fits] == ["exponential"]
    assert set(tied.failures) == {"weibull"}
    with pytest.raises(DwellFitError, match="no family could be fitted"):
        best_dwell([5.0, 5.0], [1, 1], families=["weibull"])
