"""Fitting a dwell by maximum likelihood: one family at a time, or the best of several by AIC."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from funnelsim.numerics.dwell.climb import DwellFitError, Objective, Summit, polish, search
from funnelsim.numerics.dwell.distribution import Dwell, Floats, Start
from funnelsim.numerics.dwell.exponential import Exponential
from funnelsim.numerics.dwell.gamma import Gamma
from funnelsim.numerics.dwell.generalised_gamma import GeneralisedGamma
from funnelsim.numerics.dwell.likelihood import DwellDataError, ExactTimes, Stays, WholeSteps
from funnelsim.numerics.dwell.loglogistic import Loglogistic
from funnelsim.numerics.dwell.lognormal import Lognormal
from funnelsim.numerics.dwell.never_leaves import NeverLeaves
from funnelsim.numerics.dwell.weibull import Weibull
from funnelsim.vocabulary.errors import english

FAMILIES: dict[str, type[Dwell]] = {
    family.family: family
    for family in (Exponential, Weibull, Gamma, Lognormal, Loglogistic, GeneralisedGamma)
}
_ROUGH_STEPS, _FINE_STEPS = 15, 100
_LEAST_GAIN = 1e-6  # of a share that never leaves over none, in log-likelihood


@dataclass(frozen=True, eq=False)
class DwellFit:
    """A fitted dwell, with the uncertainty of its parameters.

    Parameters
    ----------
    dwell : Dwell or NeverLeaves
        The distribution, at the maximum.
    loglik : float
        With all constants of the density (exact times) or probability (whole steps); the two never compare.
    n, n_exits : int
        Stays, and those among them that ended.
    cov : ndarray of shape (n_params, n_params)
        Covariance of the parameters as named in `params`, from the observed information.
    cov_log_scale : ndarray of shape (n_params, n_params)
        Of the unconstrained parameters: log of positive ones, logit of the share that never leaves, meanlog,
        mu and Q as they are. Use this one for intervals; the natural scale is skewed in small samples.
    converged : bool
        Always true: a fit that does not converge raises `DwellFitError`.
    """

    dwell: Dwell | NeverLeaves
    loglik: float
    n: int
    n_exits: int
    cov: Floats
    cov_log_scale: Floats
    converged: bool = True

    def __post_init__(self) -> None:
        self.cov.flags.writeable = self.cov_log_scale.flags.writeable = False

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {self.params[name]:.4g} ± {se:.2g}" for name, se in self.se.items())
        return f"DwellFit({self.family}: {shown}; {self.n} stays, {self.n_exits} exits, AIC {self.aic:.2f})"

    @property
    def family(self) -> str:
        """Name of the family."""
        return self.dwell.family

    @property
    def never_leaves(self) -> bool:
        """Whether a share that never leaves is among the parameters."""
        return isinstance(self.dwell, NeverLeaves)

    @property
    def params(self) -> dict[str, float]:
        """Parameters by name."""
        return self.dwell.params

    @property
    def se(self) -> dict[str, float]:
        """Standard errors by name, on the natural scale."""
        return dict(zip(self.params, np.sqrt(self.cov.diagonal()).tolist(), strict=True))

    @property
    def se_log_scale(self) -> dict[str, float]:
        """Standard errors by name, on the unconstrained scale."""
        return dict(zip(self.params, np.sqrt(self.cov_log_scale.diagonal()).tolist(), strict=True))

    @property
    def aic(self) -> float:
        """Akaike's criterion, ``2 k - 2 loglik``; the smaller the better."""
        return 2 * len(self.params) - 2 * self.loglik

    @property
    def bic(self) -> float:
        """Schwarz's criterion, ``k log n - 2 loglik``, with n all stays, open ones included."""
        return len(self.params) * math.log(self.n) - 2 * self.loglik


@dataclass(frozen=True, eq=False)
class BestDwell:
    """Fits of several families in order of AIC, the best first.

    Parameters
    ----------
    fits : tuple of DwellFit
    failures : dict of str to str
        Why a family is not among them; ``"weibull + never leaves"`` is the key of one with a share.
    """

    fits: tuple[DwellFit, ...]
    failures: dict[str, str]

    @property
    def best(self) -> DwellFit:
        """The fit of smallest AIC. Differences below about 2 are no reason to prefer a family."""
        return self.fits[0]


def fit_dwell(
    time: npt.ArrayLike,
    is_exit: npt.ArrayLike,
    *,
    family: str,
    entry: npt.ArrayLike | None = None,
    whole_steps: bool = False,
    never_leaves: bool = False,
) -> DwellFit:
    """Dwell of one family that makes the stays seen most likely, open stays counted for as long as seen.

    Parameters
    ----------
    time : array_like of shape (n_stays,)
        Age at exit, or at which a stay was last seen open; in any one unit, or in whole steps.
    is_exit : array_like of bool, shape (n_stays,)
        Whether the stay ended. Exits to one place only, with the others as censored, describe that cause.
    family : str
        One of `FAMILIES`: exponential, weibull, gamma, lognormal, loglogistic, gengamma.
    entry : array_like of shape (n_stays,), optional
        Age at which each stay came under observation (delayed entry); 0 by default.
    whole_steps : bool
        False: `ExactTimes`. True: `WholeSteps`, an exit at age d meaning ``d <= T < d + 1`` and an open stay
        at age c ``T >= c + 1``. Ages in days fitted as exact times are biased where stays are short.
    never_leaves : bool
        Fit a share of stays that never end as one more parameter.

    Returns
    -------
    DwellFit

    Raises
    ------
    DwellDataError
        If the stays cannot be used as they are.
    DwellFitError
        If the likelihood has no maximum, or none could be found: no exits, exits all in step 0, exits all at
        one moment, or a share that is best at 0.

    References
    ----------
    .. [1] Klein, Moeschberger (2003), *Survival Analysis*, 2nd ed., sections 3.5 and 12.

    Examples
    --------
    Three exits in 30 days of watching: a rate of 0.1 a day.

    >>> fit_dwell([2.0, 5.0, 8.0, 15.0], [1, 1, 1, 0], family="exponential")
    DwellFit(exponential: rate 0.1 ± 0.058; 4 stays, 3 exits, AIC 21.82)
    """
    return _fit(_gather(time, is_exit, entry, whole_steps), family, never_leaves)


def best_dwell(
    time: npt.ArrayLike,
    is_exit: npt.ArrayLike,
    *,
    families: Sequence[str] = tuple(FAMILIES),
    entry: npt.ArrayLike | None = None,
    whole_steps: bool = False,
    never_leaves: bool = False,
) -> BestDwell:
    """Fits of several families, the smallest AIC first.

    Parameters
    ----------
    time, is_exit, entry, whole_steps
        As in `fit_dwell`.
    families : sequence of str
    never_leaves : bool
        Also try each family with a share that never leaves.

    Returns
    -------
    BestDwell
        Families that could not be fitted are in its `failures`, with the reason.

    Raises
    ------
    DwellDataError
        If the stays cannot be used as they are.
    DwellFitError
        If no family could be fitted.

    Examples
    --------
    >>> found = best_dwell([1, 2, 3, 4, 6, 9], [1, 1, 1, 1, 1, 0], families=["exponential", "weibull"])
    >>> [fit.family for fit in found.fits]
    ['exponential', 'weibull']
    """
    data = _gather(time, is_exit, entry, whole_steps)
    fits, failures = [], {}
    for with_share in (False, True)[: 1 + never_leaves]:
        for family in families:
            try:
                fits.append(_fit(data, family, with_share))
            except DwellFitError as error:
                failures[f"{family} + never leaves" if with_share else family] = english(error)
    if not fits:
        raise DwellFitError(f"no family could be fitted: {failures}")
    return BestDwell(tuple(sorted(fits, key=lambda fit: fit.aic)), failures)


def _gather(
    time: npt.ArrayLike, is_exit: npt.ArrayLike, entry: npt.ArrayLike | None, whole_steps: bool
) -> Stays:
    return (WholeSteps if whole_steps else ExactTimes).of(time, is_exit, entry)


def _fit(data: Stays, family: str, never_leaves: bool) -> DwellFit:
    if family not in FAMILIES:
        raise DwellDataError(f"no family {family!r}; there are {', '.join(FAMILIES)}")
    if data.n_exits == 0:
        raise DwellFitError(f"none of the {data.n} stays ended: nothing says how long a stay lasts")
    law = FAMILIES[family]
    try:
        summit = _climb_mixture(data, law) if never_leaves else _climb(data, law)
    except DwellFitError as error:
        name = f"{family} + never leaves" if never_leaves else family
        raise DwellFitError(f"{name}: {english(error)}") from None
    n_family = len(law.is_positive)
    leavers = law.from_unconstrained(summit.theta[:n_family])
    dwell: Dwell | NeverLeaves = leavers
    slopes = np.where(law.is_positive, list(leavers.params.values()), 1.0)
    if never_leaves:
        dwell = NeverLeaves(leavers, float(special.expit(summit.theta[-1])))
        slopes = np.append(slopes, dwell.share * (1 - dwell.share))
    cov = slopes[:, None] * summit.covariance * slopes
    return DwellFit(dwell, summit.loglik, data.n, data.n_exits, cov, summit.covariance)


def _climb(data: Stays, law: type[Dwell]) -> Summit:
    objective = _objective(data, law, False)
    _, top = _best_of(objective, _starts(data, law), law.units)
    return polish(objective, top, law.units)


def _climb_mixture(data: Stays, law: type[Dwell]) -> Summit:
    """Search from the fit without a share, and from shares near and below that of open stays."""
    objective = _objective(data, law, True)
    open_share = min(max(1 - data.n_exits / data.n, 0.1), 0.95)
    logits = [math.log(share / (1 - share)) for share in (0.4 * open_share, 0.95 * open_share)]
    starts = [np.append(theta, logit) for theta in _starts(data, law) for logit in logits]
    least = -math.inf
    try:
        plain = _climb(data, law)
    except DwellFitError:
        pass  # a share may make a maximum where there is none without it
    else:
        least = plain.loglik + _LEAST_GAIN
        starts.append(np.append(plain.theta, -3.0))

    def units(theta: Floats) -> Floats:
        return np.append(law.units(theta[:-1]), 1.0)

    value, top = _best_of(objective, starts, units)
    if value <= least:
        raise DwellFitError("the likelihood is highest when every deal leaves; fit without never_leaves")
    return polish(objective, top, units)


def _objective(data: Stays, law: type[Dwell], never_leaves: bool) -> Objective:
    return lambda theta: data.value_and_gradient(law, theta, never_leaves=never_leaves)


def _starts(data: Stays, law: type[Dwell]) -> list[Floats]:
    """From the exits alone, and from exits over exposure (right where most stays are still open)."""
    by_exposure = Start(math.log(data.exposure / data.n_exits), 1.0)
    return [*law.starts(data.start()), *law.starts(by_exposure)]


def _best_of(
    objective: Objective, starts: list[Floats], units: Callable[[Floats], Floats]
) -> tuple[float, Floats]:
    """Short searches from every start, then a long one from the best."""
    tops = [search(objective, start, units(start), _ROUGH_STEPS) for start in starts]
    _, best = max(tops, key=lambda top: top[0])
    return search(objective, best, units(best), _FINE_STEPS)
