"""Dwell families: published reference, scipy's distributions, gradients, tails, quantiles and means."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, special, stats

from funnelsim.numerics.dwell import (
    FAMILIES,
    Dwell,
    DwellError,
    Exponential,
    Gamma,
    GeneralisedGamma,
    Loglogistic,
    Lognormal,
    NeverLeaves,
    Weibull,
    fit_dwell,
    prentice,
)

SETS = ["lung"] + [f"sim_{name}" for name in FAMILIES]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", SETS)
def test_reference_fits_are_reproduced(shared: Callable[[str], Path], name: str, family: str) -> None:
    folder = shared("reference/03_parametric_dwell") / name
    wanted = json.loads((folder / "expected.json").read_text())["expected"]["families"][family]
    time, event = np.loadtxt(folder / "input.csv", delimiter=",", skiprows=1).T
    fit = fit_dwell(time, event, family=family)
    params, se = (1e-3, 5e-3) if family == "gengamma" else (1e-4, 1e-3)
    assert fit.params == pytest.approx(wanted["params"], rel=params)
    assert fit.se == pytest.approx(wanted["se"], rel=se)
    assert list(fit.se_log_scale.values()) == pytest.approx(wanted["se_log_scale"], rel=se)
    np.testing.assert_allclose(fit.cov, wanted["cov"], rtol=2 * se, atol=1e-3 * np.abs(wanted["cov"]).min())
    assert (fit.loglik, fit.aic, fit.bic) == pytest.approx(
        (wanted["loglik"], wanted["aic"], wanted["bic"]), abs=1e-5
    )
    ages = [float(age) for age in wanted["S"]]
    np.testing.assert_allclose(fit.dwell.survival(ages), list(wanted["S"].values()), rtol=1e-4)
    assert fit.dwell.median() == pytest.approx(wanted["median"], rel=1e-4)
    mean = np.inf if wanted["mean"] is None else wanted["mean"]
    assert fit.dwell.mean() == pytest.approx(mean, rel=1e-4)
    assert fit.dwell.restricted_mean(60.0) == pytest.approx(wanted["rmst_60"], rel=1e-4)


# Each law with the same law by scipy, unequal shapes and scales far from 1
PAIRS = [
    (Exponential(0.03), stats.expon(scale=1 / 0.03)),
    (Weibull(0.6, 40.0), stats.weibull_min(0.6, scale=40.0)),
    (Weibull(2.5, 3.0), stats.weibull_min(2.5, scale=3.0)),
    (Gamma(0.3, 0.05), stats.gamma(0.3, scale=20.0)),
    (Gamma(7.0, 0.5), stats.gamma(7.0, scale=2.0)),
    (Gamma(4000.0, 2.0), stats.gamma(4000.0, scale=0.5)),
    (Lognormal(3.0, 0.8), stats.lognorm(0.8, scale=np.exp(3.0))),
    (Loglogistic(2.2, 25.0), stats.fisk(2.2, scale=25.0)),
    (GeneralisedGamma(3.0, 0.5, 0.7), stats.gengamma(0.7**-2, 0.7 / 0.5, scale=np.exp(3) * 0.7 ** (2 / 1.4))),
    (
        GeneralisedGamma(3.0, 0.6, -1.2),
        stats.gengamma(1.2**-2, -1.2 / 0.6, scale=np.exp(3) * 1.2 ** (-2 * 0.6 / 1.2)),
    ),
    (GeneralisedGamma(3.0, 0.8, 0.0), stats.lognorm(0.8, scale=np.exp(3.0))),
]
ids = [repr(law) for law, _ in PAIRS]


@pytest.mark.parametrize(("law", "peer"), PAIRS, ids=ids)
def test_survival_density_quantile_and_mean_agree_with_scipy(law: Dwell, peer: stats.rv_continuous) -> None:
    probs = np.array([1e-6, 0.01, 0.2, 0.5, 0.7, 0.99, 1 - 1e-6])
    ages = peer.ppf(probs)
    np.testing.assert_allclose(law.survival(ages), peer.sf(ages), rtol=1e-9)
    np.testing.assert_allclose(law.log_density(ages), peer.logpdf(ages), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(law.hazard(ages), peer.pdf(ages) / peer.sf(ages), rtol=1e-8)
    np.testing.assert_allclose(law.quantile(probs), ages, rtol=1e-9)
    np.testing.assert_allclose(
        law.step_hazard(ages), 1 - peer.sf(ages + 1) / peer.sf(ages), rtol=1e-6, atol=1e-12
    )
    assert law.mean() == pytest.approx(peer.mean(), rel=1e-9)


@pytest.mark.parametrize(("law", "peer"), PAIRS, ids=ids)
def test_restricted_mean_is_the_integral_of_survival(law: Dwell, peer: stats.rv_continuous) -> None:
    for until in peer.ppf([0.05, 0.6, 0.999]):
        panels = [0.0, *(q for q in peer.ppf([1e-6, 0.01, 0.3, 0.9]) if q < until), until]
        pieces = zip(panels[:-1], panels[1:], strict=True)
        area = sum(integrate.quad(peer.sf, a, b, epsrel=1e-11)[0] for a, b in pieces)
        assert law.restricted_mean(until) == pytest.approx(area, rel=1e-8)
    assert law.restricted_mean(0.0) == 0.0


@pytest.mark.parametrize(("law", "peer"), PAIRS, ids=ids)
def test_gradients_equal_central_differences(law: Dwell, peer: stats.rv_continuous) -> None:
    theta, log_age = law.unconstrained, np.log(peer.ppf([0.001, 0.1, 0.45, 0.8, 0.999]))
    for terms in (law.log_survival_terms, law.log_density_terms):
        gradient = terms(theta, log_age).gradient
        for j, unit in enumerate(law.units(theta)):
            shift = np.zeros(len(theta))
            shift[j] = 1e-5 * unit
            slope = (terms(theta + shift, log_age).value - terms(theta - shift, log_age).value) / (
                2e-5 * unit
            )
            np.testing.assert_allclose(gradient[j], slope, rtol=2e-6, atol=2e-7 / unit)


@pytest.mark.parametrize("q_shape", [-6.0, -1.2, -0.5, -0.49, -1e-3, 0.0, 1e-6, 0.3, 1.0, 1.4, 6.0])
def test_prentice_tail_slopes_equal_central_differences(q_shape: float) -> None:
    w, h = np.array([-3.0, -1.1, -0.2, 0.0, 0.4, 1.5]), 1e-5
    if abs(q_shape) > 2:
        w = w / abs(q_shape)
    term = prentice.log_survival(w, q_shape)
    by_w = (prentice.log_survival(w + h, q_shape).value - prentice.log_survival(w - h, q_shape).value) / (
        2 * h
    )
    by_q = (prentice.log_survival(w, q_shape + h).value - prentice.log_survival(w, q_shape - h).value) / (
        2 * h
    )
    np.testing.assert_allclose(term.by_w, by_w, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(term.by_q, by_q, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("q_shape", [-8.0, -2.0, -0.6, -0.3, 0.2, 0.5, 1.0, 3.0, 20.0])
def test_prentice_tails_equal_incomplete_gammas(q_shape: float) -> None:
    w = np.linspace(-4, 3, 15) / max(abs(q_shape), 1.0)
    q = q_shape**-2.0
    upper = special.gammaincc if q_shape > 0 else special.gammainc
    lower = special.gammainc if q_shape > 0 else special.gammaincc
    x, value = q * np.exp(q_shape * w), prentice.log_survival(w, q_shape).value
    np.testing.assert_allclose(np.exp(value), upper(q, x), rtol=1e-11)
    np.testing.assert_allclose(-np.expm1(value), lower(q, x), rtol=1e-11)


@pytest.mark.parametrize("q_shape", [-0.4, -1e-3, 0.0, 0.2, 0.6, 1.5, 5.0])
@pytest.mark.parametrize("widest", [3.0, 12.0, 300.0])
def test_tails_of_many_stays_equal_those_of_few(q_shape: float, widest: float) -> None:
    """Many are read off an interpolant, few are integrated one by one; far out the interpolant gives way."""
    w = np.linspace(-2, widest, 600) / max(abs(q_shape), 1.0)
    together = prentice.log_survival(w, q_shape)
    apart = [prentice.log_survival(part, q_shape) for part in np.array_split(w, 6)]
    for all_at_once, *parts in zip(together, *apart, strict=True):
        np.testing.assert_allclose(all_at_once, np.concatenate(parts), rtol=1e-11)


def test_gamma_tail_where_its_probability_underflows() -> None:
    rate_age = 5000.0  # Q(3, x) = exp(-x) (1 + x + x**2/2), a sum of three terms
    exact = -rate_age + np.log1p(rate_age + rate_age**2 / 2)
    assert Gamma(3.0, 0.5).log_survival(2 * rate_age) == pytest.approx(exact, rel=1e-13)
    assert Gamma(3.0, 0.5).hazard(2 * rate_age) == pytest.approx(0.5, rel=1e-3)
    tiny = Gamma(0.5, 1.0).quantile(1e-12)  # F(x) ~ 2 sqrt(x/pi)
    assert tiny == pytest.approx(np.pi / 4 * 1e-24, rel=1e-9)


@pytest.mark.parametrize("q_shape", [1e-9, -1e-9, 1e-4, -1e-4])
def test_generalised_gamma_near_zero_is_lognormal(q_shape: float) -> None:
    near, limit = GeneralisedGamma(2.0, 0.7, q_shape), Lognormal(2.0, 0.7)
    ages = limit.quantile([1e-4, 0.1, 0.5, 0.9, 1 - 1e-4])
    # W's skewness is -Q and its mean about -Q/2: nothing moves by more than a few Q
    np.testing.assert_allclose(near.log_survival(ages), limit.log_survival(ages), rtol=30 * abs(q_shape))
    np.testing.assert_allclose(near.log_density(ages), limit.log_density(ages), atol=30 * abs(q_shape))
    np.testing.assert_allclose(near.quantile(0.3), limit.quantile(0.3), rtol=3 * abs(q_shape) + 1e-12)
    assert near.mean() == pytest.approx(limit.mean(), rel=3 * abs(q_shape) + 1e-12)


def test_mean_is_smooth_where_its_formula_changes() -> None:
    for sigma, q_shape in [(0.3, 0.3), (1.0, 0.1), (1.0, -0.1)]:
        below, above = (GeneralisedGamma(0.0, sigma, q_shape * (1 + e)).mean() for e in (-1e-9, 1e-9))
        assert below == pytest.approx(above, rel=1e-8)


def test_infinite_means() -> None:
    assert Loglogistic(1.0, 20.0).mean() == np.inf
    assert Loglogistic(1.5, 20.0).mean() < np.inf
    assert GeneralisedGamma(3.0, 1.0, -1.0).mean() == np.inf
    assert GeneralisedGamma(3.0, 0.9, -1.0).mean() < np.inf
    assert NeverLeaves(Exponential(0.1), 0.01).mean() == np.inf
    assert NeverLeaves(Exponential(0.1), 0.6).median() == np.inf


def test_never_leaves_mixes_with_mass_at_infinity() -> None:
    law = NeverLeaves(Weibull(1.7, 12.0), 0.3)
    ages = np.array([0.0, 3.0, 12.0, 40.0, np.inf])
    np.testing.assert_allclose(law.survival(ages), 0.3 + 0.7 * law.leavers.survival(ages), rtol=1e-14)
    np.testing.assert_allclose(law.survival(law.quantile([0.1, 0.5, 0.69])), [0.9, 0.5, 0.31], rtol=1e-12)
    inside, h = np.array([3.0, 12.0, 40.0]), 1e-5
    slope = (law.log_survival(inside - h) - law.log_survival(inside + h)) / (2 * h)
    np.testing.assert_allclose(law.hazard(inside), slope, rtol=1e-6)
    step = 1 - law.survival(inside + 1) / law.survival(inside)
    np.testing.assert_allclose(law.step_hazard(inside), step, rtol=1e-10)
    assert law.restricted_mean(20.0) == pytest.approx(6.0 + 0.7 * law.leavers.restricted_mean(20.0))
    assert law.params == {"shape": 1.7, "scale": 12.0, "never_leaves": 0.3}


def test_ends_of_the_age_axis() -> None:
    for law in (pair[0] for pair in PAIRS):
        np.testing.assert_array_equal(law.survival([0.0, np.inf]), [1.0, 0.0])
        np.testing.assert_array_equal(law.quantile([0.0, 1.0]), [0.0, np.inf])
        assert law.survival([[1.0, 2.0]]).shape == (1, 2)
    assert Exponential(0.1).hazard(0.0) == pytest.approx(0.1)


def test_what_is_no_dwell_is_refused() -> None:
    with pytest.raises(DwellError, match="shape must be positive"):
        Weibull(0.0, 1.0)
    with pytest.raises(DwellError, match="Q must be finite"):
        GeneralisedGamma(0.0, 1.0, np.nan)
    with pytest.raises(DwellError, match="between 0 and 1"):
        NeverLeaves(Exponential(1.0), 1.0)
    law = Exponential(1.0)
    with pytest.raises(DwellError, match="ages must be >= 0"):
        law.survival([1.0, -1.0])
    with pytest.raises(DwellError, match="ages must be finite"):
        law.hazard(np.inf)
    with pytest.raises(DwellError, match=r"\[0, 1\]"):
        law.quantile(1.1)
    with pytest.raises(DwellError, match="finite age"):
        law.restricted_mean(np.inf)
