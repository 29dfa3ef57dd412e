"""Whether hazards fit the exits seen: observed against expected by age, open stays counted while seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LEAST_EXPECTED, _LEAST_SHARE = 5.0, 0.01
_LEAST_LEFT = 0.05  # of the variance of an exit, after fitting
_LEAST_VARIANCE, _NOTHING = 1e-9, 1e-9


@dataclass(frozen=True, eq=False)
class ExitsCheck:
    """Exits observed and expected in bins of age, and how far apart they are.

    Parameters
    ----------
    first_age : ndarray of int, shape (n_bins,)
        First age of each bin, in steps.
    observed, expected : ndarray of shape (n_bins,)
        Exits seen, and stays at risk times the chance to leave that the model gives, summed over the bin.
    statistic : float
    df : int
        Degrees of freedom of its reference; 0 where the exits are too few to check the model.
    p_value : float
        Chance of so large a statistic or larger if the model is right; 1 without degrees of freedom.
    """

    first_age: Ints
    observed: Floats
    expected: Floats
    statistic: float
    df: int
    p_value: float


def check_exits(exits: Floats, at_risk: Floats, hazard: Floats, slopes: Floats) -> ExitsCheck:
    """Compare exits with those that a fitted hazard expects, bin by bin of age.

    Parameters
    ----------
    exits, at_risk : ndarray of shape (n_ages,)
        Exits at each age, and stays under observation then.
    hazard : ndarray of shape (n_ages,)
        Chance per step to leave, as fitted to these exits by maximum likelihood.
    slopes : ndarray of shape (n_ages, n_params)
        Derivatives of the hazard by its parameters.

    Returns
    -------
    ExitsCheck
        Ages merge until 5 exits, or 1 % of all, are expected: edges that depend on stays at risk and on the
        model, not on the exits.

    Notes
    -----
    ``O - E`` is a sum of martingale differences, with variance ``V = sum R h (1 - h)`` in each bin and no
    covariance between bins. Fitting the parameters takes away ``G J^-1 G'``, where ``G = sum R dh/dtheta``
    and ``J`` is their expected information [1]_. With both in units of ``V``, the statistic sums the squares
    of ``O - E`` along the eigenvectors of what is left, each over its eigenvalue; for large samples it is
    chi-squared, with as many degrees of freedom as eigenvalues are used. Those below 0.05 are not: along
    them the fit has followed the data, and a small remainder over a smaller one tells nothing. It takes
    stays as independent, and ignores that a family may have been chosen because it fits these stays best.

    References
    ----------
    .. [1] Hjort (1990), "Goodness of fit tests in models for life history data based on cumulative hazard
       rates", Annals of Statistics 18, 1221-1258, section 3.
    """
    expected = at_risk * hazard
    first_age = _edges(expected)
    seen, said = np.add.reduceat(exits, first_age), np.add.reduceat(expected, first_age)
    if len(first_age) < 2:
        return ExitsCheck(first_age, seen, said, 0.0, 0, 1.0)
    by_age = expected * (1 - hazard)
    variance = np.maximum(np.add.reduceat(by_age, first_age), _LEAST_VARIANCE)
    unit, per_exit = np.sqrt(variance), np.sqrt(by_age)
    # what the fit follows, by age, in units in which all ages vary alike; then what bins see of it
    followed, sizes, _ = np.linalg.svd(
        slopes * (at_risk / np.where(per_exit > 0, per_exit, np.inf))[:, None], full_matrices=False
    )
    followed = followed[:, sizes > _NOTHING * sizes.max(initial=0.0)]
    in_bins = np.add.reduceat(followed * per_exit[:, None], first_age, axis=0) / unit[:, None]
    values, axes = np.linalg.eigh(np.eye(len(unit)) - in_bins @ in_bins.T)
    along = axes.T @ ((seen - said) / unit)
    is_free = values > _LEAST_LEFT
    df, statistic = int(is_free.sum()), float((along[is_free] ** 2 / values[is_free]).sum())
    p_value = float(special.chdtrc(df, statistic)) if df else 1.0
    return ExitsCheck(first_age, seen, said, statistic, df, p_value)


def _edges(expected: Floats) -> Ints:
    """First ages of bins that each expect enough exits; what is left at the end joins the last."""
    enough = max(_LEAST_EXPECTED, _LEAST_SHARE * float(expected.sum()))
    edges, held = [0], 0.0
    for age, here in enumerate(expected.tolist()):
        held += here
        if held >= enough and age + 1 < len(expected):
            edges.append(age + 1)
            held = 0.0
    if held < _LEAST_EXPECTED and len(edges) > 1:
        edges.pop()
    return np.array(edges, dtype=np.int64)


def kaplan_meier(exits: Floats, at_risk: Floats) -> tuple[Floats, Floats]:
    """Share still there after each age, without any model of the hazard, and its standard error.

    Parameters
    ----------
    exits, at_risk : ndarray of shape (n_ages,)

    Returns
    -------
    survival, standard_error : ndarray of shape (n_ages,)
        Product of ``1 - N/R``, and Greenwood's error. Where nobody was at risk, the curve stands still.

    References
    ----------
    .. [1] Klein, Moeschberger (2003), *Survival Analysis*, 2nd ed., sections 4.2 and 4.6.
    """
    hazard = exits / np.maximum(at_risk, 1.0)
    survival: Floats = np.cumprod(1 - hazard, dtype=np.float64)
    stays = np.where(at_risk > exits, at_risk - exits, 1.0)
    terms = np.where(at_risk > exits, hazard / stays, 0.0)  # at S = 0 the error is 0 whatever they are
    standard_error: Floats = survival * np.sqrt(np.cumsum(terms))
    return survival, standard_error


def incidence_bounds(survival: Floats, standard_error: Floats, z: float) -> tuple[Floats, Floats]:
    """Pointwise bounds of ``1 - S``, symmetric for ``log(-log S)``, so that they stay within 0 and 1.

    References
    ----------
    .. [1] Klein, Moeschberger (2003), *Survival Analysis*, 2nd ed., section 4.3.
    """
    is_inside = (survival > 0) & (survival < 1)
    safe = np.where(is_inside, survival, 0.5)
    reach = z * standard_error / (safe * -np.log(safe))
    bounds = [1 - np.where(is_inside, safe ** np.exp(sign * reach), survival) for sign in (-1, 1)]
    return bounds[0], bounds[1]
