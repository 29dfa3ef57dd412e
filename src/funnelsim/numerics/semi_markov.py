"""Semi-Markov mixture: which way deals leave a state, and how long each way takes, by maximum likelihood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from funnelsim.numerics.likelihood import WEAK_INFORMATION, Maximum, delta_method_se, maximise
from funnelsim.numerics.markov import OPEN
from funnelsim.vocabulary.errors import FunnelsimError

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]

FAMILIES = ("weibull", "exponential")
_WIDEST_LOGIT, _WIDEST_SHAPE, _WIDEST_SCALE = 20.0, 4.0, 12.0  # logarithms, around 1 or around the ages seen
_ILL_CONDITIONED = 100.0  # of scaled information: two parameters with correlation 0.98
_TRADES_OFF = 0.9  # correlation of a probability with a scale
_SAME_LOGLIK, _SAME_PARAMETER = 1e-4, 1e-2
_MOSTLY_BEYOND = 0.5  # of a time, later than any age seen
_HARDLY_LOWER = 2.0  # in log-likelihood: the data cannot choose between two such optima


class SemiMarkovError(FunnelsimError):
    """Sojourns, or a question about them, that a semi-Markov mixture cannot use."""


@dataclass(frozen=True, eq=False)
class SemiMarkov:
    """Where each state leads and how long each way takes: a Weibull time for each destination.

    Parameters
    ----------
    routing_prob : ndarray of shape (n_states, n_states)
        Chance ``p_hj`` to leave state h (row) for j; a row of 0 where nothing leaves.
    shape, scale : ndarray of shape (n_states, n_states)
        Time to j given that j comes: ``S_hj(t) = exp(-(t / scale)**shape)``; 1 where ``p_hj`` is 0.

    Examples
    --------
    >>> model = SemiMarkov([[0, 0.25, 0.75], [0, 0, 0], [0, 0, 0]], np.ones((3, 3)), np.full((3, 3), 8.0))
    >>> model.survival(8.0).round(4)
    array([0.3679, 1.    , 1.    ])
    """

    routing_prob: _Floats
    shape: _Floats
    scale: _Floats

    def __post_init__(self) -> None:
        for name in ("routing_prob", "shape", "scale"):
            matrix = np.array(getattr(self, name), dtype=np.float64)
            if matrix.ndim != 2 or matrix.shape != (len(matrix), len(matrix)):
                raise SemiMarkovError(f"{name} is a square matrix, not of shape {matrix.shape}")
            matrix.flags.writeable = False
            object.__setattr__(self, name, matrix)
        total = self.routing_prob.sum(axis=1)
        if not (self.routing_prob >= 0).all() or not (np.isclose(total, 1) | (total == 0)).all():
            raise SemiMarkovError(f"rows of routing_prob are chances that sum to 1, or all 0; found {total}")
        times = np.stack([self.shape, self.scale])
        if not np.isfinite(times).all() or not (times > 0).all():
            raise SemiMarkovError("shape and scale must be finite and > 0, also where no way leads")

    def incidence(self, age: npt.ArrayLike) -> _Floats:
        """Chance to have left for each state (column) by ages in state, shape (*ages, n_states, n_states)."""
        ages = np.asarray(age, dtype=np.float64)
        if not (ages >= 0).all():  # also catches NaN
            raise SemiMarkovError(f"an age is a time >= 0, not {ages[~(ages >= 0)][0]}")
        with np.errstate(over="ignore"):  # an age far beyond the scale: surely left
            hazard = (ages[..., None, None] / self.scale) ** self.shape
        result: _Floats = self.routing_prob * -np.expm1(-hazard)
        return result

    def survival(self, age: npt.ArrayLike) -> _Floats:
        """Chance to be still in each state at ages in state, shape (*ages, n_states)."""
        return np.asarray(np.maximum(1 - self.incidence(age).sum(axis=-1), 0.0))

    def mean_sojourn(self) -> _Floats:
        """Mean time in each state, shape (n_states,); ``inf`` where nothing leaves."""
        mean = (self.routing_prob * self.scale * special.gamma(1 + 1 / self.shape)).sum(axis=1)
        return np.where(self.routing_prob.any(axis=1), mean, np.inf)


@dataclass(frozen=True, eq=False)
class Optimum:
    """A local maximum of the likelihood of one state.

    Parameters
    ----------
    loglik : float
        Its height.
    routing_prob, shape, scale : ndarray of shape (n_destinations,)
        The estimate there.
    starts : tuple of str
        Starts that led to it.
    is_converged : bool
        Whether it is a maximum, or where the bounded search stopped.
    """

    loglik: float
    routing_prob: _Floats
    shape: _Floats
    scale: _Floats
    starts: tuple[str, ...]
    is_converged: bool


@dataclass(frozen=True, eq=False)
class StateFit:
    """The sojourns of one state: the best optimum with its errors, and all optima found.

    Parameters
    ----------
    state : int
        Origin.
    destinations, n_exits : ndarray of int, shape (n_destinations,)
        States that somebody left for, and how many did.
    n_open : int
        Sojourns still going when last seen.
    optima : tuple of Optimum
        All found, the best first; the others are answers to refuse, not alternatives.
    parameters : tuple of str
        What the rows of `information` stand for: ``logit j`` (log of ``p_j`` over that of the first
        destination), ``log shape j``, ``log scale j``.
    information : ndarray of shape (n_parameters, n_parameters)
        Observed information at the best optimum.
    routing_prob_se, shape_se, scale_se : ndarray of shape (n_destinations,)
        Delta-method standard errors; ``inf`` where the data say nothing, 0 for what is not estimated.
    condition_number : float
        Of the information scaled to unit diagonal; ``inf`` if it is singular.
    warnings : tuple of str
        Why not to lean on this fit; empty if there is no reason.
    """

    state: int
    destinations: _Ints
    n_exits: _Ints
    n_open: int
    optima: tuple[Optimum, ...]
    parameters: tuple[str, ...]
    information: _Floats
    routing_prob_se: _Floats
    shape_se: _Floats
    scale_se: _Floats
    condition_number: float
    warnings: tuple[str, ...]

    @property
    def best(self) -> Optimum:
        """The highest optimum found."""
        return self.optima[0]


@dataclass(frozen=True, eq=False)
class SemiMarkovFit:
    """A semi-Markov mixture by maximum likelihood.

    Parameters
    ----------
    model : SemiMarkov
        The best optimum of every state.
    loglik : float
        Sum over states.
    states : tuple of StateFit
        One for each state that somebody left.
    warnings : tuple of str
        Those of the states, each with its state.
    """

    model: SemiMarkov
    loglik: float
    states: tuple[StateFit, ...]
    warnings: tuple[str, ...]


def fit_semi_markov(
    from_state: npt.ArrayLike,
    to_state: npt.ArrayLike,
    age: npt.ArrayLike,
    *,
    n_states: int,
    entry_age: npt.ArrayLike = 0.0,
    family: str | Mapping[tuple[int, int], str] = "weibull",
) -> SemiMarkovFit:
    """Chances and times of each way out of each state, from sojourns that may be still open.

    Parameters
    ----------
    from_state : array_like of int, shape (n_sojourns,)
        State of each sojourn, 0 to ``n_states - 1``.
    to_state : array_like of int, shape (n_sojourns,)
        State entered at its end; -1 where the deal was last seen still in `from_state`.
    age : array_like of float, shape (n_sojourns,)
        Time in state at the end, or when last seen; any one unit, > 0.
    n_states : int
        Number of states.
    entry_age : float or array_like, shape (n_sojourns,)
        Time in state when the sojourn came under observation (delayed entry); deals that left before are
        not among the data, so its likelihood is divided by the chance to be still there.
    family : {"weibull", "exponential"} or mapping of (from, to) to one of them
        Form of the times; moves that a mapping leaves out are Weibull. A Weibull time with all exits at one
        age has no shape; it is fitted as exponential, and a warning says so.

    Returns
    -------
    SemiMarkovFit
        Read `warnings` before use: with many open sojourns the likelihood has several optima, and a chance
        can be had for a longer time.

    Raises
    ------
    SemiMarkovError
        If a state or family is unknown, a sojourn moves to its own state, has ``age <= entry_age``, or
        nobody moves.

    Notes
    -----
    A move to j contributes ``p_j f_j(age)``, an open sojourn ``sum_j p_j S_j(age)``, both over
    ``sum_j p_j S_j(entry_age)`` [1]_ [2]_. Starts: exits and exposure cause by cause; open sojourns shared
    out like the exits; and, for each destination, all open sojourns bound for it (or, with fewest, none).
    Where two optima are near in height, or the times reach far beyond the ages seen, prefer the
    cause-specific hazards, which the same data always determine.

    References
    ----------
    .. [1] Larson, Dinse (1985), "A mixture model for the regression analysis of competing risks data",
       Applied Statistics 34, 201-211.
    .. [2] Krol, Saint-Pierre (2015), "SemiMarkov: an R package for parametric estimation in multi-state
       semi-Markov models", Journal of Statistical Software 66(6).

    Examples
    --------
    >>> fit = fit_semi_markov([0] * 4, [1, 1, 1, 2], [1, 2, 3, 8], n_states=3, family="exponential")
    >>> fit.model.routing_prob[0].round(4), fit.model.scale[0].round(4)
    (array([0.  , 0.75, 0.25]), array([1., 2., 8.]))
    """
    origin, target, ages, entries = _checked(from_state, to_state, age, entry_age, n_states)
    families = _families(family, n_states)
    left = np.unique(origin[target != OPEN])
    fits = []
    for state in left:
        rows = origin == state
        fits.append(_fit_state(int(state), target[rows], ages[rows], entries[rows], families[state]))
    routing_prob, shape, scale = np.zeros((n_states, n_states)), *np.ones((2, n_states, n_states))
    for fit in fits:
        routing_prob[fit.state, fit.destinations] = fit.best.routing_prob
        shape[fit.state, fit.destinations] = fit.best.shape
        scale[fit.state, fit.destinations] = fit.best.scale
    stuck = np.setdiff1d(origin, left)
    warnings = [f"state {fit.state}: {warning}" for fit in fits for warning in fit.warnings]
    warnings += [f"state {state}: {(origin == state).sum()} open sojourns and no exit" for state in stuck]
    model = SemiMarkov(routing_prob, shape, scale)
    return SemiMarkovFit(model, sum(fit.best.loglik for fit in fits), tuple(fits), tuple(warnings))


@dataclass(frozen=True, eq=False)
class _Mixture:
    """Likelihood of the sojourns of one state; times are logarithms, and -inf for an entry at age 0."""

    destinations: _Ints
    branch: _Ints
    log_age: _Floats
    log_entry: _Floats
    is_weibull: _Bools

    @property
    def n_branches(self) -> int:
        return len(self.destinations)

    @property
    def free(self) -> _Ints:
        """Places of the estimated ones among logits, log shapes and log scales of all branches."""
        is_free = np.concatenate([np.arange(self.n_branches) > 0, self.is_weibull, self.is_weibull | True])
        return np.flatnonzero(is_free)

    def unpack(self, at: _Floats) -> tuple[_Floats, _Floats, _Floats]:
        """Log chances, log shapes and log scales of the branches, from the estimated parameters."""
        every = np.zeros(3 * self.n_branches)
        every[self.free] = at
        logits, log_shape, log_scale = every.reshape(3, -1)
        return logits - np.logaddexp.reduce(logits), log_shape, log_scale

    def loglik_and_score(self, at: _Floats) -> tuple[float, _Floats]:
        """Log-likelihood, and its derivatives by the estimated parameters."""
        log_prob, log_shape, log_scale = self.unpack(at)
        is_exit = self.branch != OPEN
        branch, log_age = self.branch[is_exit], self.log_age[is_exit]
        shape = np.exp(log_shape[branch])
        power = np.minimum(shape * (log_age - log_scale[branch]), 50.0)  # beyond e**50: surely over
        hazard = np.exp(power)
        value = float((log_prob + log_shape)[branch].sum() + (power - log_age - hazard).sum())
        slopes = [
            np.ones(len(branch)),
            1 + power * (1 - hazard),
            -shape * (1 - hazard),
        ]
        score = np.array([np.bincount(branch, slope, self.n_branches) for slope in slopes])
        score[0] -= len(branch) * np.exp(log_prob)
        delayed = self.log_entry[np.isfinite(self.log_entry)]
        for log_times, sign in ((self.log_age[~is_exit], 1.0), (delayed, -1.0)):
            still_there, slope = _log_survival(log_times, log_prob, log_shape, log_scale)
            value += sign * still_there
            score += sign * slope
        return value, score.ravel()[self.free]

    def bounds(self) -> list[tuple[float, float]]:
        """Wide limits of the estimated parameters, so that a runaway search ends."""
        widest = [
            (-_WIDEST_LOGIT, _WIDEST_LOGIT),
            (-_WIDEST_SHAPE, _WIDEST_SHAPE),
            (self.log_age.min() - _WIDEST_SCALE, self.log_age.max() + _WIDEST_SCALE),
        ]
        return [widest[place // self.n_branches] for place in self.free]

    def starts(self) -> dict[str, _Floats]:
        """Starting points, by what they take the open sojourns for."""
        n_exits = np.bincount(self.branch[self.branch != OPEN], minlength=self.n_branches)
        n_open, ages = len(self.branch) - n_exits.sum(), np.exp(self.log_age) - np.exp(self.log_entry)
        spent = np.bincount(self.branch[self.branch != OPEN], ages[self.branch != OPEN], self.n_branches)
        waited = ages[self.branch == OPEN].sum()
        share = n_exits / n_exits.sum()
        shared_out = {"cause by cause": ages.sum(), "open shared out": spent + share * waited}
        starts = {name: self._start(share, total / n_exits) for name, total in shared_out.items()}
        for branch in range(self.n_branches):
            is_bound = np.arange(self.n_branches) == branch
            prob = (n_exits + is_bound * n_open) / len(self.branch)
            mean = (spent + is_bound * waited) / n_exits
            starts[f"all open to {self.destinations[branch]}"] = self._start(prob, mean)
        return starts

    def _start(self, prob: _Floats, mean: _Floats) -> _Floats:
        every = np.concatenate([np.log(prob / prob[0]), np.zeros(self.n_branches), np.log(mean)])
        low, high = np.transpose(self.bounds())
        return np.clip(every[self.free], low, high)


def _log_survival(
    log_times: _Floats, log_prob: _Floats, log_shape: _Floats, log_scale: _Floats
) -> tuple[float, _Floats]:
    """Sum of ``log sum_j p_j S_j(t)`` over times, and its slopes by logits, log shapes and log scales."""
    shape = np.exp(log_shape)
    power = np.minimum(shape * (log_times[:, None] - log_scale), 50.0)
    hazard = np.exp(power)
    terms = log_prob - hazard
    top = terms.max(axis=1, keepdims=True)
    weight = np.exp(terms - top)
    total = weight.sum(axis=1, keepdims=True)
    weight /= total  # chance of each destination for a deal still there
    slopes = [
        weight.sum(axis=0) - len(log_times) * np.exp(log_prob),
        -(weight * hazard * power).sum(axis=0),
        shape * (weight * hazard).sum(axis=0),
    ]
    return float((top + np.log(total)).sum()), np.array(slopes)


def _fit_state(state: int, target: _Ints, ages: _Floats, entries: _Floats, families: _Bools) -> StateFit:
    destinations = np.unique(target[target != OPEN])
    branch = np.where(target == OPEN, OPEN, np.searchsorted(destinations, target))
    log_entry = np.log(entries, out=np.full(len(entries), -np.inf), where=entries > 0)
    n_ages = np.array([len(np.unique(ages[target == end])) for end in destinations])
    is_weibull = families[destinations] & (n_ages > 1)  # one age: a spike of any height would fit
    mixture = _Mixture(destinations, branch, np.log(ages), log_entry, is_weibull)
    spikes = [
        f"time to {end}: all exits at one age, which tells no shape; fitted as exponential"
        for end in destinations[families[destinations] & ~is_weibull]
    ]
    found = [
        (name, maximise(mixture.loglik_and_score, at, mixture.bounds()))
        for name, at in mixture.starts().items()
    ]
    found.sort(key=lambda pair: -pair[1].value)
    best, optima = found[0][1], _distinct(mixture, found)
    errors = _standard_errors(mixture, best)
    names = [f"{kind} {end}" for kind in ("logit", "log shape", "log scale") for end in destinations]
    parameters = tuple(names[place] for place in mixture.free)
    condition_number, warnings = _conditioning(best, parameters)
    return StateFit(
        state=state,
        destinations=destinations,
        n_exits=np.bincount(branch[branch != OPEN]),
        n_open=int((branch == OPEN).sum()),
        optima=optima,
        parameters=parameters,
        information=best.information,
        routing_prob_se=errors[0],
        shape_se=errors[1],
        scale_se=errors[2],
        condition_number=condition_number,
        warnings=(*spikes, *best.warnings, *warnings, *_doubts(mixture, best, optima)),
    )


def _distinct(mixture: _Mixture, found: list[tuple[str, Maximum]]) -> tuple[Optimum, ...]:
    """Optima that differ, the best first, each with the starts that led to it."""
    optima: list[tuple[Maximum, list[str]]] = []
    for name, maximum in found:
        for known, names in optima:
            is_same = abs(known.value - maximum.value) < _SAME_LOGLIK
            if is_same and np.abs(known.at - maximum.at).max() < _SAME_PARAMETER:
                names.append(name)
                break
        else:
            optima.append((maximum, [name]))
    result = []
    for maximum, names in optima:
        prob, shape, scale = np.exp(mixture.unpack(maximum.at))
        result.append(Optimum(maximum.value, prob, shape, scale, tuple(names), maximum.is_converged))
    return tuple(result)


def _standard_errors(mixture: _Mixture, best: Maximum) -> list[_Floats]:
    """Errors of chances, shapes and scales, each of shape (n_destinations,)."""
    prob, shape, scale = np.exp(mixture.unpack(best.at))
    zero = np.zeros((mixture.n_branches, mixture.n_branches))
    jacobians = [
        np.hstack([np.diag(prob) - np.outer(prob, prob), zero, zero]),
        np.hstack([zero, np.diag(shape), zero]),
        np.hstack([zero, zero, np.diag(scale)]),
    ]
    return [delta_method_se(jacobian[:, mixture.free], best.information) for jacobian in jacobians]


def _conditioning(best: Maximum, parameters: tuple[str, ...]) -> tuple[float, list[str]]:
    """Condition number of the scaled information, and parameters that can be had for one another."""
    size = np.sqrt(np.maximum(best.information.diagonal(), np.finfo(float).tiny))
    values, vectors = np.linalg.eigh(best.information / np.outer(size, size))
    if values[0] <= 0 or size.min() ** 2 < WEAK_INFORMATION:
        return np.inf, ["the data do not determine all parameters (singular information)"]
    condition_number = float(values[-1] / values[0])
    warnings = []
    if condition_number > _ILL_CONDITIONED:
        warnings.append(f"ill-conditioned information (condition number {condition_number:.0f})")
    covariance = (vectors / values) @ vectors.T
    correlation = covariance / np.sqrt(np.outer(covariance.diagonal(), covariance.diagonal()))
    for i, j in np.argwhere(np.triu(np.abs(correlation) > _TRADES_OFF, 1)):
        if parameters[i].startswith("logit") and parameters[j].startswith("log scale"):
            warnings.append(f"{parameters[i]} and {parameters[j]} trade off (r = {correlation[i, j]:.2f})")
    return condition_number, warnings


def _doubts(mixture: _Mixture, best: Maximum, optima: tuple[Optimum, ...]) -> list[str]:
    """Signs that chances and times rest on the assumed form more than on the data."""
    warnings = []
    if len(optima) > 1:
        gap = optima[0].loglik - optima[1].loglik
        hardly = "; the data hardly choose between them" if gap < _HARDLY_LOWER else ""
        warnings.append(f"{len(optima)} optima, the second {gap:.3g} lower in log-likelihood{hardly}")
    left = np.exp(-((np.exp(mixture.log_age.max()) / optima[0].scale) ** optima[0].shape))
    warnings += [
        f"time to {end}: {100 * share:.0f} % lies beyond the oldest age seen; its scale and chance rest "
        "on the form"
        for end, share in zip(mixture.destinations, left, strict=True)
        if share > _MOSTLY_BEYOND
    ]
    if (np.abs(np.transpose(mixture.bounds()) - best.at) < 1e-6).any():
        warnings.append("a parameter ran to the limit of the search")
    return warnings


def _families(family: str | Mapping[tuple[int, int], str], n_states: int) -> _Bools:
    """Whether the time from (row) to (column) is Weibull; else it is exponential."""
    cells = np.ndindex(n_states, n_states)
    named = dict.fromkeys(cells, family) if isinstance(family, str) else dict(family)
    is_weibull = np.ones((n_states, n_states), dtype=bool)
    for (origin, target), name in named.items():
        if name not in FAMILIES or origin not in range(n_states) or target not in range(n_states):
            raise SemiMarkovError(f"family of {origin} -> {target} is {name!r}; known are {FAMILIES}")
        is_weibull[origin, target] = name == "weibull"
    return is_weibull


def _checked(
    from_state: npt.ArrayLike,
    to_state: npt.ArrayLike,
    age: npt.ArrayLike,
    entry_age: npt.ArrayLike,
    n_states: int,
) -> tuple[_Ints, _Ints, _Floats, _Floats]:
    origin, target = np.asarray(from_state), np.asarray(to_state)
    ages = np.asarray(age, dtype=np.float64)
    entries = np.asarray(entry_age, dtype=np.float64)
    entries = np.broadcast_to(entries, ages.shape) if entries.ndim == 0 else entries
    shapes = [column.shape for column in (origin, target, ages, entries)]
    if len(set(shapes)) != 1 or ages.ndim != 1 or not ages.size:
        raise SemiMarkovError(f"columns need one entry per sojourn; their shapes are {shapes}")
    if origin.dtype.kind not in "iu" or target.dtype.kind not in "iu":
        raise SemiMarkovError(f"states are whole numbers, not {origin.dtype} and {target.dtype}")
    is_known = (origin >= 0) & (origin < n_states) & (target >= OPEN) & (target < n_states)
    _refuse(~is_known, f"states go from 0 to {n_states - 1}, and -1 for open", origin, target)
    _refuse(origin == target, "a sojourn moves to its own state; write -1 if still open", origin)
    is_ordered = np.isfinite(ages) & (entries >= 0) & (entries < ages)
    _refuse(~is_ordered, "needs 0 <= entry_age < age, both finite", entries, ages)
    if not (target != OPEN).any():
        raise SemiMarkovError(f"nobody moves in {len(ages)} sojourns; nothing can be estimated")
    return origin.astype(np.int64), target.astype(np.int64), ages, entries


def _refuse(is_bad: _Bools, reason: str, *columns: npt.NDArray[np.generic]) -> None:
    if is_bad.any():
        row = int(np.argmax(is_bad))
        found = ", ".join(repr(column.item(row)) for column in columns)
        raise SemiMarkovError(f"row {row}: {reason}; found {found}")
