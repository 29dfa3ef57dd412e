"""Hazard regression: the same optimum as a search that knows nothing of it, closed forms, and clusters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, sparse

from funnelsim.numerics.hazard_regression import fit_hazard_regression, joint_covariance

GROUP = np.array([0, 1, 1])
SCALES = np.array([0.7, 0.3])


def rows(seed: int, n: int = 400, n_blocks: int = 4, effect: float = 1.0):
    """Rows, exits and expected exits by block; the true coefficients are effect * (0.5, -0.4, 0.2)."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=n), rng.random(n) < 0.4, rng.random(n) < 0.2]).astype(float)
    expected = rng.gamma(0.5, 0.5, size=(n, n_blocks)) * (rng.random((n, n_blocks)) < 0.7)
    level = np.exp(rng.normal(size=n_blocks) / 2)
    true = effect * np.array([0.5, -0.4, 0.2])
    exits = rng.poisson(expected * level * np.exp(x @ true)[:, None])
    return x, exits.astype(float), expected, true


def fitted(x, exits, expected, group=GROUP, **settings):
    return fit_hazard_regression(x, sparse.csr_array(exits), sparse.csr_array(expected), group, **settings)


def test_a_generic_search_finds_the_same_optimum():
    """The full likelihood with levels as parameters, written out; not profiled, not merged."""
    x, exits, expected, _ = rows(1)
    found = fitted(x, exits, expected, scales=SCALES)

    def loss(p: np.ndarray) -> float:
        level, beta = p[:4], p[4:]
        logs = level[None, :] + (x @ beta)[:, None]
        fit = (exits * logs).sum() - (expected * np.exp(logs)).sum()
        return -(fit - 0.5 * (beta**2 / SCALES[GROUP] ** 2).sum())

    other = optimize.minimize(loss, np.zeros(7), method="BFGS", options={"gtol": 1e-7})
    np.testing.assert_allclose(found.coefficients, other.x[4:], atol=2e-6)
    hessian = np.linalg.inv(
        optimize.approx_fprime(other.x, lambda p: optimize.approx_fprime(p, loss, 1e-5), 1e-4)
    )
    covariance = np.linalg.inv(found.information + np.diag(found.precision))
    np.testing.assert_allclose(covariance, hessian[4:, 4:], rtol=0.02)  # finite differences twice
    assert found.is_converged


def test_one_flag_in_one_block_is_the_ratio_of_observed_over_expected():
    rng = np.random.default_rng(2)
    flag = (rng.random(300) < 0.3).astype(float)
    expected = rng.gamma(1.0, 0.8, size=(300, 1))
    exits = rng.poisson(expected * np.where(flag, 2.0, 0.9)[:, None]).astype(float)
    found = fitted(flag[:, None], exits, expected, np.zeros(1, int), scales=np.array([np.inf]))
    o1, e1 = exits[flag == 1].sum(), expected[flag == 1].sum()
    o0, e0 = exits[flag == 0].sum(), expected[flag == 0].sum()
    assert found.coefficients[0] == pytest.approx(np.log((o1 / e1) / (o0 / e0)), abs=1e-9)
    covariance = np.linalg.inv(found.information)
    assert covariance[0, 0] == pytest.approx(1 / o1 + 1 / o0, rel=1e-9)


def test_scores_add_up_to_nothing_at_the_optimum():
    x, exits, expected, _ = rows(3)
    found = fitted(x, exits, expected, scales=SCALES)
    np.testing.assert_allclose(found.row_scores.sum(axis=0), found.precision * found.coefficients, atol=1e-6)


def test_levels_keep_what_all_rows_together_do():
    x, exits, expected, _ = rows(4)
    found = fitted(x, exits, expected)
    factors = np.exp(x @ found.coefficients)
    np.testing.assert_allclose((factors[:, None] * expected).sum(axis=0) * found.levels, expected.sum(axis=0))


def test_order_and_splitting_of_rows_change_nothing():
    x, exits, expected, _ = rows(5)
    plain = fitted(x, exits, expected)
    order = np.random.default_rng(0).permutation(len(x))
    halves = [np.concatenate([a[order], a[order]]) for a in (x, exits / 2, expected / 2)]
    split = fitted(*halves)
    np.testing.assert_allclose(split.coefficients, plain.coefficients, atol=1e-8)
    np.testing.assert_allclose(split.scales, plain.scales, rtol=1e-8)
    both = [joint_covariance([plain], np.arange(400)), joint_covariance([split], np.tile(order, 2))]
    np.testing.assert_allclose(both[1], both[0], rtol=1e-6, atol=1e-12)


def test_effects_are_found_again():
    """An error of 0.1 in a coefficient would be seen: 4 standard errors are below it."""
    x, exits, expected, true = rows(6, n=20_000)
    found = fitted(x, exits, expected)
    error = np.sqrt(np.diag(joint_covariance([found], np.arange(len(x)))))
    assert (4 * error < 0.1).all()
    assert (np.abs(found.coefficients - true) < 4 * error).all()


def test_many_null_columns_are_shrunk_more_than_one_strong_one():
    """Each group has a scale of its own: 200 idle classes do not take a strong number with them."""
    rng = np.random.default_rng(7)
    n = 4000
    level, number = rng.integers(200, size=n), rng.normal(size=n)
    x = np.column_stack([number, level[:, None] == np.arange(200)])
    expected = rng.gamma(1.0, 0.5, size=(n, 1))
    exits = rng.poisson(expected * np.exp(0.8 * number)[:, None]).astype(float)
    found = fitted(x, exits, expected, np.repeat([0, 1], [1, 200]))
    assert found.coefficients[0] == pytest.approx(0.8, abs=0.08)
    assert found.scales[0] > 0.4
    assert found.scales[1] < 0.15  # each class alone has an error of 0.27
    assert np.abs(found.coefficients[1:]).max() < 0.25


def test_a_column_that_separates_stays_finite():
    rng = np.random.default_rng(8)
    flag = np.repeat([0.0, 1.0], 100)
    expected = np.full((200, 1), 0.5)
    exits = np.where(flag[:, None] == 1, 0.0, rng.poisson(0.5, size=(200, 1)))
    found = fitted(flag[:, None], exits, expected, np.zeros(1, int))
    error = np.sqrt(joint_covariance([found], np.arange(200))[0, 0])
    assert found.is_converged
    assert -8 < found.coefficients[0] < -1.5
    assert 0.2 < error < 2
    free = fitted(flag[:, None], exits, expected, np.zeros(1, int), scales=np.array([np.inf]))
    assert np.isfinite(free.coefficients).all()


def test_without_exits_nothing_is_known():
    x, exits, expected, _ = rows(9)
    found = fitted(x, 0 * exits, expected)
    other = fitted(x, exits, expected)
    assert not found.has_exits
    assert (found.coefficients == 0).all()
    covariance = joint_covariance([found, other], np.arange(len(x)))
    assert (covariance[:3] == 0).all()
    assert (np.diag(covariance)[3:] > 0).all()
    assert (joint_covariance([found], np.arange(len(x))) == 0).all()


def test_rows_that_repeat_within_a_deal_widen_the_errors():
    """The same row ten times tells no more than once: clustered errors are about sqrt(10) times as wide."""
    x, exits, expected, _ = rows(10)
    ten = [np.repeat(a, 10, axis=0) for a in (x, exits, expected)]
    found = fitted(*ten, scales=np.full(2, np.inf))
    alone = joint_covariance([found], np.arange(4000))
    clustered = joint_covariance([found], np.repeat(np.arange(400), 10))
    ratio = np.sqrt(np.diag(clustered) / np.diag(alone))
    assert (ratio > 2.5).all()
    assert (ratio < 4.0).all()
