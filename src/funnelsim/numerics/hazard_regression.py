"""Hazard regression: how attributes multiply rates of leaving, with shrinkage and clustered errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Table = sparse.csr_array

TYPICAL_SCALE = 0.3  # of a logarithm: a rate a third higher or lower
_SCALES = (0.01, 3.0)
_MOST_STEPS, _MOST_ROUNDS, _MOST_HALVINGS = 50, 60, 30
_LARGEST_LOG = 30.0
_SETTLED = 0.01  # relative change of a scale


@dataclass(frozen=True, eq=False)
class HazardRegression:
    """Effects of columns on the rate of one kind of exit.

    Parameters
    ----------
    coefficients : ndarray of shape (n_columns,)
        Logarithms of factors on the rate, per unit of each column.
    scales : ndarray of shape (n_groups,)
        Standard deviation of the prior of the coefficients of each group.
    information : ndarray of shape (n_columns, n_columns)
        Minus the Hessian of the log-likelihood, prior not included.
    precision : ndarray of shape (n_columns,)
        ``1 / scale**2`` of the prior of each coefficient.
    row_scores : ndarray of shape (n_rows, n_columns)
        What each row adds to the gradient of the log-likelihood.
    levels : ndarray of shape (n_blocks,)
        Factors on the expected exits of each block that make multipliers average to one there.
    log_likelihood : float
        At the coefficients, less its value when all are zero.
    is_converged : bool
    """

    coefficients: Floats
    scales: Floats
    information: Floats
    precision: Floats
    row_scores: Floats
    levels: Floats
    log_likelihood: float
    is_converged: bool

    @property
    def has_exits(self) -> bool:
        """Whether any exit was seen; without, the coefficients are 0 and nothing is known of them."""
        return bool(self.information.any())


class _Likelihood:
    """Log-likelihood of one kind of exit, the free level of every block profiled out."""

    def __init__(self, x: Floats, exits: Table, expected: Table) -> None:
        self.x, self.exits, self.expected = x, exits, expected
        self.of_row = np.asarray(exits.sum(axis=1)).ravel()
        self.of_block = np.asarray(exits.sum(axis=0)).ravel()
        self.transposed = expected.T.tocsr()
        self.at_zero = self.value(np.zeros(x.shape[1]))

    def factors(self, beta: Floats) -> Floats:
        return np.exp(np.clip(self.x @ beta, -_LARGEST_LOG, _LARGEST_LOG))

    def sums(self, factors: Floats) -> Floats:
        """Expected exits of each block under the factors; 1 where nobody was ever at risk."""
        total = self.transposed @ factors
        return np.where(total > 0, total, 1.0)

    def value(self, beta: Floats) -> float:
        logs = np.clip(self.x @ beta, -_LARGEST_LOG, _LARGEST_LOG)
        return float(self.of_row @ logs - self.of_block @ np.log(self.sums(np.exp(logs))))

    def slopes(self, beta: Floats) -> tuple[Floats, Floats]:
        """Gradient, and minus the Hessian."""
        factors = self.factors(beta)
        total = self.sums(factors)
        fitted = factors * (self.expected @ (self.of_block / total))
        means = self.transposed @ (self.x * factors[:, None]) / total[:, None]
        information = (self.x * fitted[:, None]).T @ self.x - (means * self.of_block[:, None]).T @ means
        return self.x.T @ (self.of_row - fitted), information

    def row_scores(self, beta: Floats) -> Floats:
        factors = self.factors(beta)
        total = self.sums(factors)
        level = self.of_block / total
        means = self.transposed @ (self.x * factors[:, None]) / total[:, None]
        own = self.of_row - factors * (self.expected @ level)
        against = self.exits @ means - factors[:, None] * (self.expected @ (level[:, None] * means))
        return self.x * own[:, None] - against


def fit_hazard_regression(
    x: Floats, exits: Table, expected: Table, group: Ints, *, scales: Floats | None = None
) -> HazardRegression:
    """Estimate how columns multiply a rate, each group of columns shrunk as far as its evidence is thin.

    Parameters
    ----------
    x : ndarray of shape (n_rows, n_columns)
        One row for each deal, or for each stretch of a deal within which its columns stay as they are.
    exits, expected : sparse array of shape (n_rows, n_blocks)
        Exits seen, and exits expected when all rows are alike (summed cumulative hazard), by block: a stage,
        or a bin of age in a stage. The level of every block is free.
    group : ndarray of int, shape (n_columns,)
        0, 1, ...: columns of one group share the scale of their prior.
    scales : ndarray of shape (n_groups,), optional
        Scales to use as they are; infinite for none. By default they are estimated.

    Returns
    -------
    HazardRegression

    Notes
    -----
    ``sum_rb d_rb (c_b + x_r'beta) - E_rb exp(c_b + x_r'beta) - sum_j beta_j**2 / (2 tau_g**2)``: the Poisson
    form of the piecewise-exponential likelihood. The levels ``exp(c_b) = d_b / sum_r E_rb exp(x_r'beta)`` are
    put in, which leaves Breslow's likelihood [1]_. With one block a stage this is a regression upon the
    expected exits as they stand; with a block for each bin of age the baseline is fitted jointly, so that
    what fast deals do to the mix at high ages is not taken for an effect of age.

    The scales maximise Laplace's approximation of the marginal likelihood by MacKay's updates [2]_,
    ``tau**2 = (sum beta**2 + s**2) / (gamma + 1)`` with gamma the number of well-determined coefficients; the
    prior of tau**2 (scaled inverse chi-square, one degree of freedom, s = 0.3) keeps a lone column from being
    shrunk to nothing. Newton steps with halving, at most 50 for each of at most 60 updates.

    References
    ----------
    .. [1] Breslow (1974), Covariance analysis of censored survival data, *Biometrics* 30(1), 89-99.
    .. [2] MacKay (1992), Bayesian interpolation, *Neural Computation* 4(3), 415-447, section 4.
    """
    likelihood, n_groups = _Likelihood(*_merged(x, exits, expected)), int(group.max(initial=-1)) + 1
    beta, tau = np.zeros(x.shape[1]), np.full(n_groups, TYPICAL_SCALE) if scales is None else scales
    is_converged, is_settled = True, scales is not None or not likelihood.of_block.any()
    if likelihood.of_block.any() and len(beta):
        beta, is_converged = _climb(likelihood, beta, 1.0 / tau[group] ** 2)
    for _ in range(_MOST_ROUNDS if len(beta) else 0):
        if is_settled:
            break
        new = _updated_scales(likelihood, beta, tau, group)
        is_settled = bool(np.abs(np.log(new / tau)).max() < _SETTLED)
        tau = new
        beta, is_converged = _climb(likelihood, beta, 1.0 / tau[group] ** 2)
    of_all = _Likelihood(x, exits, expected)
    plain, levelled = (likelihood.sums(likelihood.factors(at)) for at in (np.zeros_like(beta), beta))
    return HazardRegression(
        coefficients=beta,
        scales=tau,
        information=likelihood.slopes(beta)[1],
        precision=1.0 / tau[group] ** 2,
        row_scores=of_all.row_scores(beta),
        levels=plain / levelled,
        log_likelihood=likelihood.value(beta) - likelihood.at_zero,
        is_converged=is_converged and (is_settled or not len(beta)),
    )


def _merged(x: Floats, exits: Table, expected: Table) -> tuple[Floats, Table, Table]:
    """Rows alike in all columns added up: the likelihood is the same, and classes make few rows."""
    rows, of_row = np.unique(x, axis=0, return_inverse=True)
    sums = sparse.csr_array((np.ones(len(x)), (of_row.ravel(), np.arange(len(x)))), shape=(len(rows), len(x)))
    return rows, sums @ exits, sums @ expected


def _climb(likelihood: _Likelihood, beta: Floats, precision: Floats) -> tuple[Floats, bool]:
    """Newton steps up the penalised log-likelihood; a step that does not climb is halved."""

    def height(at: Floats) -> float:
        return likelihood.value(at) - 0.5 * float(precision @ at**2)

    here = height(beta)
    for _ in range(_MOST_STEPS):
        gradient, information = likelihood.slopes(beta)
        step = _solved(information + np.diag(precision), gradient - precision * beta)
        if np.abs(step).max() < 1e-8:
            return beta, True
        for _ in range(_MOST_HALVINGS):
            ahead = height(beta + step)
            if ahead >= here:
                break
            step = step / 2
        else:
            return beta, bool(np.abs(step).max() < 1e-8)
        beta, here = beta + step, ahead
    return beta, False


def _solved(curvature: Floats, slope: Floats) -> Floats:
    try:
        return linalg.solve(curvature, slope, assume_a="pos")
    except linalg.LinAlgError:  # without a prior, columns may say the same: the shortest step of all
        return linalg.lstsq(curvature, slope)[0]


def _updated_scales(likelihood: _Likelihood, beta: Floats, tau: Floats, group: Ints) -> Floats:
    precision = 1.0 / tau[group] ** 2
    covariance = np.linalg.inv(likelihood.slopes(beta)[1] + np.diag(precision))
    determined = np.bincount(group, 1.0 - precision * np.diag(covariance), minlength=len(tau))
    squares = np.bincount(group, beta**2, minlength=len(tau))
    new = np.sqrt((squares + TYPICAL_SCALE**2) / (np.maximum(determined, 0.0) + 1.0))
    return np.clip(new, *_SCALES)


def joint_covariance(fits: Sequence[HazardRegression], cluster: Ints) -> Floats:
    """Covariance of the coefficients of several regressions on the same rows, clustered.

    Parameters
    ----------
    fits : sequence of HazardRegression
        With the same columns, for different kinds of exit.
    cluster : ndarray of int, shape (n_rows,)
        Which deal each row belongs to.

    Returns
    -------
    ndarray of shape (n_fits * n_columns, n_fits * n_columns)
        Zero for a regression without exits.

    Notes
    -----
    ``(H + P)**-1 (J + P) (H + P)**-1`` with H the information, P the precision of the prior and J the sum
    over deals of the outer product of their scores [1]_. Where deals are independent, J is H on average and
    this is the posterior covariance ``(H + P)**-1``. It is never taken narrower than that in any direction:
    with few deals behind a column, J is smaller than it should be (no exit at all, no score).

    References
    ----------
    .. [1] Lin, Wei (1989), The robust inference for the Cox proportional hazards model, *Journal of the
       American Statistical Association* 84, 1074-1078.
    """
    known = np.concatenate([np.full(len(fit.coefficients), fit.has_exits) for fit in fits])
    covariance: Floats = np.zeros((len(known), len(known)))
    if not known.any():
        return covariance
    prior = np.concatenate([fit.precision for fit in fits])[known]
    curvature = linalg.block_diag(*(fit.information for fit in fits))[np.ix_(known, known)] + np.diag(prior)
    scores = np.concatenate([fit.row_scores for fit in fits], axis=1)[:, known]
    by_deal: Floats = np.zeros((int(cluster.max()) + 1, scores.shape[1]))
    np.add.at(by_deal, cluster, scores)
    root = linalg.inv(linalg.cholesky(curvature, lower=True))
    size, directions = np.linalg.eigh(root @ (by_deal.T @ by_deal + np.diag(prior)) @ root.T)
    half = root.T @ directions * np.sqrt(np.maximum(size, 1.0))
    covariance[np.ix_(known, known)] = half @ half.T
    return covariance
