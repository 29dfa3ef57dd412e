"""Scores of one number against published values, closed forms and integrals by brute force."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from funnelsim.numerics.scores import (
    covered,
    crps_ensemble,
    crps_of_cdf,
    crps_points,
    interval_score,
    interval_width,
    pinball,
    pit_randomised,
)

Shared = Callable[[str], Path]
EXACT = {"rtol": 0.0, "atol": 1e-10}
NOTHING = np.empty(0)


def published(shared: Shared) -> tuple[dict[str, Any], dict[str, Any]]:
    folder = shared("reference/08_scoring")
    given_ = json.loads((folder / "input.json").read_text())
    return given_, json.loads((folder / "expected.json").read_text())["expected"]


def crps_by_integration(law: Any, y: float) -> float:
    low = integrate.quad(lambda x: law.cdf(x) ** 2, law.ppf(1e-13), y, limit=400)[0]
    return low + integrate.quad(lambda x: law.sf(x) ** 2, y, law.isf(1e-13), limit=400)[0]


def curve(law: Any) -> tuple[np.ndarray, np.ndarray]:
    """A law as a curve that is linear between 20,000 amounts, both tails as fine as the middle."""
    z = np.linspace(-7.3, 7.3, 20_001)
    amounts = np.where(z < 0, law.ppf(stats.norm.cdf(z)), law.isf(stats.norm.sf(z)))
    below = law.cdf(amounts)
    below[-1] = 1.0
    return amounts, below


# --- published numbers


def test_crps_of_samples_of_the_reference(shared: Shared) -> None:
    """It has tied samples, an observation equal to one, and observations outside all of them."""
    given_, expected = published(shared)
    fair = crps_ensemble(given_["obs"], given_["ensemble"])
    np.testing.assert_allclose(fair, expected["crps_ensemble_fair"], **EXACT)
    standard = crps_points(given_["obs"], given_["ensemble"], np.full(9, 1 / 9))
    np.testing.assert_allclose(standard, expected["crps_ensemble_standard"], **EXACT)


def test_pinball_and_intervals_of_the_reference(shared: Shared) -> None:
    given_, expected = published(shared)
    y, amounts = np.array(given_["obs"]), np.array(given_["quantile_forecasts"])
    loss = pinball(y, amounts, given_["quantile_levels"])
    np.testing.assert_allclose(loss, expected["pinball"], **EXACT)
    np.testing.assert_allclose(pinball(y, amounts[:, 1], 0.1), np.array(expected["pinball"])[:, 1], **EXACT)
    low, high = amounts[:, :3], amounts[:, :3:-1]
    assert covered(y, low, high).mean(axis=0).tolist() == expected["coverage"]["observed"]
    score = interval_score(y, low[:, 0], high[:, 0], 0.9)
    np.testing.assert_allclose(score, expected["interval_score_90"], **EXACT)


def test_pit_of_the_reference_lies_between_its_bounds(shared: Shared) -> None:
    """The third observation equals a sample: its PIT is drawn between two chances, all others are fixed."""
    bounds = np.array(published(shared)[1]["pit_ensemble_lower_upper"])
    below, at_or_below = bounds.T
    found = pit_randomised(below, at_or_below, np.random.default_rng(3))
    fixed = below == at_or_below
    assert (~fixed).tolist() == [False, False, True, False, False, False, False, False]
    np.testing.assert_array_equal(found[fixed], below[fixed])
    assert below[2] < found[2] < at_or_below[2]


def test_crps_of_the_curves_of_the_reference(shared: Shared) -> None:
    given_, expected = published(shared)
    normal, lognormal = given_["normal"], given_["lognormal"]
    for i, y in enumerate(given_["obs"]):
        found = crps_of_cdf([y], *curve(stats.norm(normal["mean"][i], normal["sd"][i])))
        assert found[0] == pytest.approx(expected["crps_normal"][i], rel=1e-6)
        law = stats.lognorm(lognormal["sdlog"][i], scale=np.exp(lognormal["meanlog"][i]))
        assert crps_of_cdf([y], *curve(law))[0] == pytest.approx(expected["crps_lognormal"][i], rel=1e-5)


# --- closed forms


@pytest.mark.parametrize("y", [-3.0, 11.0, 12.5, 17.0, 40.0])
def test_crps_of_a_uniform_law_is_its_closed_form(y: float) -> None:
    """On [a, b]: distance outside plus (b - a) (z^3 + (1 - z)^3) / 3, z the place of y cut to 0..1."""
    a, b = 11.0, 17.0
    z = np.clip((y - a) / (b - a), 0, 1)
    expected = (b - a) * (z**3 + (1 - z) ** 3) / 3 + max(a - y, 0) + max(y - b, 0)
    assert crps_of_cdf([y], [a, b], [0.0, 1.0])[0] == pytest.approx(expected, rel=1e-12)
    cut = crps_of_cdf([y], [a, 12.1, 12.1, 16.0, b], [0.0, 1.1 / 6, 1.1 / 6, 5 / 6, 1.0])
    assert cut[0] == pytest.approx(expected, rel=1e-12)  # more knots on the same line change nothing


@pytest.mark.parametrize("y", [5.0, 6.0, 9.0, 31.0])
def test_crps_of_an_exponential_law_is_its_closed_form(y: float) -> None:
    """Shifted to begin at 5, mean wait m: |y - 5| - 2 m F(y) + m / 2."""
    m = 4.0
    expected = abs(y - 5) - 2 * m * -np.expm1(-(y - 5) / m) + m / 2
    assert crps_of_cdf([y], *curve(stats.expon(5, m)))[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("y", "expected"), [(0.0, 0.09 * 100), (30.0, 0.49 * 30 + 0.09 * 70), (140.0, 89.0)])
def test_crps_of_two_points_is_its_closed_form(y: float, expected: float) -> None:
    """0 with chance 0.7, else 100."""
    assert crps_points([y], [100.0, 0.0], [0.3, 0.7])[0] == pytest.approx(expected, rel=1e-12)
    stairs = crps_of_cdf([y], [0.0, 100.0, 100.0], [0.7, 0.7, 1.0])
    assert stairs[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("y", [0.0, 4.0, 9.5, 60.0])
def test_crps_of_a_mixture_with_an_atom_agrees_with_brute_force(y: float) -> None:
    """Nothing with chance 0.35, else a skewed amount: the integral on a million slices."""
    law = stats.gamma(1.7, scale=8.0)
    x = np.linspace(0, 400, 1_000_001)
    middle = (x[1:] + x[:-1]) / 2
    below = 0.35 + 0.65 * law.cdf(middle)
    expected = ((below - (y <= middle)) ** 2).sum() * (x[1] - x[0])
    amounts = np.concatenate([[0.0], law.ppf(np.linspace(0, 1 - 1e-9, 20_001)), [400.0]])
    at = 0.35 + 0.65 * law.cdf(amounts)
    at[-1] = 1.0
    assert crps_of_cdf([y], amounts, at)[0] == pytest.approx(expected, rel=1e-4)


def test_crps_of_a_point_is_the_distance() -> None:
    np.testing.assert_allclose(crps_points([7.0, 1.0], [4.0], [1.0]), [3.0, 3.0])
    np.testing.assert_allclose(crps_of_cdf([7.0, 1.0], [4.0], [1.0]), [3.0, 3.0])


def test_fair_crps_of_few_samples_is_unbiased() -> None:
    """d: 2 % of the CRPS. 5 samples of a normal law away from 0; the unfair one is 25 % too large."""
    rng, law, y = np.random.default_rng(8), stats.norm(50.0, 10.0), 62.0
    expected = crps_by_integration(law, y)
    samples = law.rvs((60_000, 5), random_state=rng)
    found = crps_ensemble(np.full(60_000, y), samples)
    error = found.std() / np.sqrt(len(found))
    assert 7.1 * error < 0.02 * expected
    assert abs(found.mean() - expected) < 4 * error
    unfair = crps_points(np.full(60_000, y), samples, np.full(5, 0.2))
    assert unfair.mean() - expected > 20 * error


def test_agrees_with_the_protocol_of_the_figures(shared: Shared) -> None:
    code = compile(shared("design/protocol.py").read_text(), "protocol", "exec")
    protocol: dict[str, Any] = {}
    exec(code, protocol)
    rng = np.random.default_rng(2)
    samples, y = rng.poisson(3.0, (40, 300)) * 2.5, rng.poisson(3.0, 40) * 2.5
    cells = [
        protocol["cell"](s, v, np.random.default_rng(i))
        for i, (s, v) in enumerate(zip(samples, y, strict=True))
    ]
    np.testing.assert_allclose(crps_ensemble(y, samples), [cell["crps"] for cell in cells], rtol=1e-10)
    ends = np.quantile(samples, [0.1, 0.9], axis=1)
    assert covered(y, *ends).tolist() == [bool(cell["c80"]) for cell in cells]
    np.testing.assert_allclose(interval_width(*ends), [cell["w80"] for cell in cells])
    np.testing.assert_allclose(interval_score(y, *ends, 0.8), [cell["is80"] for cell in cells])
    np.testing.assert_allclose(pinball(y, ends[1], 0.9), [cell["pb90"] for cell in cells], atol=1e-12)
    below, at = (samples < y[:, None]).mean(axis=1), (samples <= y[:, None]).mean(axis=1)
    pit = [pit_randomised(below[[i]], at[[i]], np.random.default_rng(i))[0] for i in range(40)]
    np.testing.assert_allclose(pit, [cell["pit"] for cell in cells])


# --- PIT


def test_randomised_pit_of_counts_is_uniform() -> None:
    """d: .028 of the distribution function, at 10,000 counts of mean 1.3; without drawing the gap is .27."""
    rng, law = np.random.default_rng(6), stats.poisson(1.3)
    y = law.rvs(10_000, random_state=rng)
    below, at = law.cdf(y - 1), law.cdf(y)
    bound = np.sqrt(np.log(2 / 1e-6) / 20_000)
    found = pit_randomised(below, at, rng)
    assert stats.kstest(found, "uniform").statistic < bound
    assert stats.kstest(at, "uniform").statistic > bound
    too_wide = stats.poisson(1.45)
    assert (
        stats.kstest(pit_randomised(too_wide.cdf(y - 1), too_wide.cdf(y), rng), "uniform").statistic > bound
    )


def test_pit_draws_one_uniform_for_each_cell_whether_needed_or_not() -> None:
    bounds = np.array([0.2, 0.2]), np.array([0.2, 0.9])
    uniforms = np.random.default_rng(4).random(2)
    np.testing.assert_allclose(
        pit_randomised(*bounds, np.random.default_rng(4)), [0.2, 0.2 + 0.7 * uniforms[1]]
    )


# --- what holds for any law

amount = st.floats(-1e6, 1e6).map(lambda x: round(x, 3))


@given(st.lists(amount, min_size=2, max_size=8), amount, amount, st.floats(0.01, 100))
@settings(max_examples=60, deadline=None)
def test_crps_moves_and_grows_with_its_unit(values: list[float], y: float, by: float, scale: float) -> None:
    samples = np.array([values])
    for score in (crps_ensemble, lambda o, s: crps_points(o, s, np.full(len(values), 1 / len(values)))):
        base = score(np.array([y]), samples)
        slack = 1e-9 * (1 + abs(by) + abs(y) + np.abs(samples).max())
        np.testing.assert_allclose(score(np.array([y + by]), samples + by), base, atol=slack)
        np.testing.assert_allclose(
            score(np.array([y * scale]), samples * scale), base * scale, atol=slack * scale
        )
        np.testing.assert_allclose(score(np.array([y]), samples[:, ::-1]), base, atol=slack)


@given(
    st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 9)), min_size=1, max_size=8), st.integers(-70, 70)
)
@settings(max_examples=100, deadline=None)
def test_points_stairs_and_the_double_sum_agree(parts: list[tuple[int, int]], y: int) -> None:
    points, weights = np.array(parts, dtype=float).T
    weights /= weights.sum()
    pairs = np.abs(points[:, None] - points)
    expected = weights @ np.abs(points - y) - weights @ pairs @ weights / 2
    assert crps_points([y], points, weights)[0] == pytest.approx(expected, abs=1e-9)
    order = np.argsort(points)
    upper = np.minimum(np.cumsum(weights[order]), 1.0)
    upper[-1] = 1.0
    stairs = np.column_stack([np.append(0.0, upper[:-1]), upper]).ravel()
    assert crps_of_cdf([y], np.repeat(points[order], 2), stairs)[0] == pytest.approx(expected, abs=1e-9)


def test_mean_pinball_over_levels_is_half_the_crps() -> None:
    law, levels = stats.gamma(2.0, loc=3.0, scale=5.0), (np.arange(20_000) + 0.5) / 20_000
    loss = pinball([19.0], law.ppf(levels)[None], levels)
    assert 2 * loss.mean() == pytest.approx(crps_by_integration(law, 19.0), rel=1e-4)


def test_ends_of_a_range_count_as_inside() -> None:
    assert covered([2.0, 5.0, 5.1], np.full(3, 2.0), np.full(3, 5.0)).tolist() == [True, True, False]
    np.testing.assert_allclose(interval_width([2.0, 4.0], [5.0, 4.0]), [3.0, 0.0])


# --- bad input


@pytest.mark.parametrize(
    ("score", "match"),
    [
        (lambda: crps_ensemble(NOTHING, np.empty((0, 3))), r"observed \(0,\)"),
        (lambda: crps_ensemble([1.0], [[1.0, 2.0], [1.0, 2.0]]), r"samples \(2, 2\).*1 observed"),
        (lambda: crps_ensemble([1.0], [[1.0]]), r"samples \(1, 1\) must be two or more"),
        (lambda: crps_ensemble([np.nan], [[1.0, 2.0]]), "observed must be finite, not nan"),
        (lambda: crps_ensemble([1.0], [[1.0, np.inf]]), "samples must be finite, not inf"),
        (lambda: crps_points([1.0], [1.0, 2.0], [0.5, 0.4]), "sum to 1, not 0.9"),
        (lambda: crps_points([1.0], [1.0, 2.0], [1.5, -0.5]), "negative, not -0.5"),
        (lambda: crps_points([1.0], [1.0, 2.0], [1.0]), r"points \(1, 2\) and weights \(1, 1\)"),
        (lambda: crps_points([1.0], NOTHING, NOTHING), r"points \(0,\)"),
        (lambda: crps_of_cdf([1.0], [1.0, 2.0], [0.0, 0.98]), "reach 1, not 0.98: give amounts further out"),
        (lambda: crps_of_cdf([1.0], [2.0, 1.0], [0.0, 1.0]), "amounts must not decrease, as by 1"),
        (lambda: crps_of_cdf([1.0], [1.0, 2.0, 3.0], [0.5, 0.3, 1.0]), "below must not decrease, as by 0.2"),
        (lambda: crps_of_cdf([1.0], [1.0, 2.0], [0.0, 1.2]), "below must lie between 0 and 1, not 1.2"),
        (lambda: crps_of_cdf([1.0], [1.0, 2.0], [1.0]), r"amounts \(1, 2\) and below \(1, 1\)"),
        (lambda: pinball([1.0], [2.0], 1.0), "level must lie between 0 and 1, not 1"),
        (lambda: pinball([1.0], [[2.0, 3.0]], [0.1, 0.5, 0.9]), r"level \(3,\)"),
        (lambda: pinball([1.0, 2.0], [2.0], 0.5), r"quantile \(1,\).*2 observed"),
        (lambda: covered([1.0], [3.0], [2.0]), "low 3 must not lie above high 2"),
        (lambda: covered([1.0], [[1.0, 1.0]], [2.0]), r"low \(1, 2\) and high \(1,\)"),
        (lambda: interval_width([np.nan], [2.0]), "low must be finite, not nan"),
        (lambda: interval_score([1.0], [1.0], [2.0], 80), "share must lie between 0 and 1, not 80"),
        (lambda: pit_randomised([0.4], [0.3], np.random.default_rng()), "below 0.4 must not exceed.* 0.3"),
        (lambda: pit_randomised([-0.1], [0.3], np.random.default_rng()), "below must lie.* not -0.1"),
        (lambda: pit_randomised([0.1], [0.3, 0.4], np.random.default_rng()), r"below \(1,\).*\(2,\)"),
    ],
)
def test_bad_input_is_refused_with_what_arrived(score: Callable[[], object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        score()
