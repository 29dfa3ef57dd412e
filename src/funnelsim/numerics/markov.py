"""Markov chains on the deal clock: rates from exact moves or from snapshots, and what they imply."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import special

from funnelsim.numerics.likelihood import delta_method_se, maximise
from funnelsim.vocabulary.errors import FunnelsimError

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]

OPEN = -1  # to_state of a sojourn still going when last seen


class MarkovError(FunnelsimError):
    """Moves, snapshots, rates or a question about them that a Markov chain cannot use."""


@dataclass(frozen=True, eq=False)
class MarkovChain:
    """Chances and times of a funnel whose moves depend on the stage alone, not on the time spent in it.

    Parameters
    ----------
    generator : ndarray of shape (n_states, n_states)
        Rates of moves per unit of time off the diagonal, minus their row sums on it.

    Raises
    ------
    MarkovError
        If it is not square, a rate is negative or not finite, or a row does not sum to 0.

    Notes
    -----
    With ``P(t) = exp(Q t)`` and T the states that deals leave for good, times are integrals of ``P`` and, for
    ever, ``(-Q_TT)**-1`` [1]_. Do not use it for the residual time of an old deal unless ages do not matter.

    References
    ----------
    .. [1] Norris (1997), *Markov Chains*, Cambridge University Press, ch. 2 and 3.

    Examples
    --------
    >>> chain = MarkovChain.from_rates([[0, 0.03, 0.01], [0, 0, 0], [0, 0, 0]])
    >>> chain.mean_sojourn()
    array([25., inf, inf])
    >>> chain.absorption_prob()[0]
    array([0.  , 0.75, 0.25])
    """

    generator: _Floats

    def __post_init__(self) -> None:
        generator = np.array(self.generator, dtype=np.float64)
        if generator.ndim != 2 or generator.shape[0] != generator.shape[1] or not generator.size:
            raise MarkovError(f"a generator is a square matrix, not of shape {generator.shape}")
        off = generator - np.diag(generator.diagonal())
        if not np.isfinite(generator).all() or (off < 0).any():
            raise MarkovError(f"rates must be finite and >= 0; found\n{generator}")
        if np.abs(generator.sum(axis=1)).max() > 1e-9 * max(off.max(), np.finfo(float).tiny):
            raise MarkovError(f"rows of a generator sum to 0, not {generator.sum(axis=1)}; see from_rates")
        generator.flags.writeable = False
        object.__setattr__(self, "generator", generator)

    @classmethod
    def from_rates(cls, rates: npt.ArrayLike) -> MarkovChain:
        """Chain with these rates of moves, shape (n_states, n_states); the diagonal is not looked at."""
        off = np.array(rates, dtype=np.float64)
        if off.ndim == 2:
            np.fill_diagonal(off, 0.0)
            off -= np.diag(off.sum(axis=1)) if off.shape[0] == off.shape[1] else 0.0
        return cls(off)

    @property
    def rates(self) -> _Floats:
        """Rates of moves, shape (n_states, n_states), with 0 on the diagonal."""
        return self.generator - np.diag(self.generator.diagonal())

    @property
    def is_absorbing(self) -> _Bools:
        """Whether nothing leaves a state, shape (n_states,)."""
        return np.asarray(~self.rates.any(axis=1))

    def mean_sojourn(self) -> _Floats:
        """Mean length of one visit ``1 / -q_ii``, shape (n_states,); ``inf`` where nothing leaves."""
        leaving = self.rates.sum(axis=1)
        return np.divide(1.0, leaving, out=np.full(len(leaving), np.inf), where=leaving > 0)

    def next_state_prob(self) -> _Floats:
        """Where the next move goes, ``q_ij / -q_ii``, shape (n_states, n_states); rows of 0 where none."""
        leaving = self.rates.sum(axis=1, keepdims=True)
        return np.divide(self.rates, leaving, out=np.zeros_like(self.rates), where=leaving > 0)

    def transition_prob(self, horizon: npt.ArrayLike) -> _Floats:
        """Chance to be in each state (column) at finite horizons, shape (*horizons, n_states, n_states)."""
        asked = _horizons(horizon)
        if np.isinf(asked).any():
            raise MarkovError("transition_prob needs finite horizons; see absorption_prob for the end")
        prob = _Uniformised(self.generator, asked.ravel()).transition_prob()
        return prob.reshape(*asked.shape, *self.generator.shape)

    def length_of_stay(self, until: npt.ArrayLike) -> _Floats:
        """Mean total time in each state (column) up to horizons, also ``inf``; shape as transition_prob."""
        asked = _horizons(until)
        stay = np.empty((*asked.shape, *self.generator.shape))
        is_finite = np.isfinite(asked)
        stay[is_finite] = _Uniformised(self.generator, asked[is_finite]).length_of_stay()
        stay[~is_finite] = np.where(self._reach & self._is_recurrent, np.inf, self._transient_stay())
        return stay

    def expected_entries(self, until: npt.ArrayLike) -> _Floats:
        """Mean number of moves into each state (column) up to horizons; shape as length_of_stay."""
        asked = _horizons(until)
        entries = np.empty((*asked.shape, *self.generator.shape))
        is_finite = np.isfinite(asked)
        entries[is_finite] = self.length_of_stay(asked[is_finite]) @ self.rates
        is_endless = self._reach & self._is_recurrent & ~self.is_absorbing
        entries[~is_finite] = np.where(is_endless, np.inf, self._transient_stay() @ self.rates)
        return entries

    def passage_prob(self, until: npt.ArrayLike) -> _Floats:
        """Chance to have been in each state (column) by horizons, ``inf`` allowed; 1 on the diagonal."""
        asked = _horizons(until)
        visited = np.empty((*asked.shape, *self.generator.shape))
        is_finite = np.isfinite(asked)
        for state in range(len(self.generator)):
            stopped = self.generator.copy()
            stopped[state] = 0.0  # who arrives stays, so being there is having been there
            chain = MarkovChain(stopped)
            visited[is_finite, :, state] = chain.transition_prob(asked[is_finite])[:, :, state]
            visited[~is_finite, :, state] = chain.absorption_prob()[:, state]
        return visited

    def absorption_prob(self) -> _Floats:
        """Chance to end in each absorbing state (column), shape (n_states, n_states).

        Columns of other states are 0; a row sums to less than 1 if a deal can circle for ever.
        """
        end = self._transient_stay() @ self.rates + np.eye(len(self.generator))
        return np.where(self.is_absorbing, end, 0.0)

    def mean_time_to_absorption(self) -> _Floats:
        """Mean time to an absorbing state, shape (n_states,); ``inf`` where it may never come."""
        may_circle = (self._reach & self._is_recurrent & ~self.is_absorbing).any(axis=1)
        return np.where(may_circle, np.inf, self._transient_stay().sum(axis=1))

    @property
    def _reach(self) -> _Bools:
        return _closure(self.rates > 0)

    @property
    def _is_recurrent(self) -> _Bools:
        reach = self._reach
        return np.asarray((~reach | reach.T).all(axis=1))

    def _transient_stay(self) -> _Floats:
        """Mean time for ever in states that are left for good, ``(-Q_TT)**-1``; 0 elsewhere."""
        transient = np.flatnonzero(~self._is_recurrent)
        stay = np.zeros_like(self.generator)
        block = np.ix_(transient, transient)
        stay[block] = np.linalg.inv(-self.generator[block])
        return stay


@dataclass(frozen=True, eq=False)
class MarkovFit:
    """A Markov chain by maximum likelihood, with its standard errors.

    Parameters
    ----------
    chain : MarkovChain
        The estimate.
    loglik : float
        Maximised log-likelihood.
    moves : ndarray of int, shape (n_parameters, 2)
        From and to of each estimated rate.
    information : ndarray of shape (n_parameters, n_parameters)
        Observed information of the logarithms of the rates of `moves`.
    is_converged : bool
        Whether the maximum was reached within the bounded number of iterations.
    warnings : tuple of str
        Rates that the data do not determine, and states never observed.
    """

    chain: MarkovChain
    loglik: float
    moves: _Ints
    information: _Floats
    is_converged: bool = True
    warnings: tuple[str, ...] = ()

    def rate_se(self) -> _Floats:
        """Standard errors of the rates, shape of the rates; ``inf`` if undetermined, 0 if not estimated."""
        rates = self.chain.rates[*self.moves.T]
        return self._matrix(delta_method_se(np.diag(rates), self.information))

    def rate_ci95(self) -> tuple[_Floats, _Floats]:
        """Lower and upper 95 % limits ``exp(log q -+ 1.96 se)``, each of shape (n_states, n_states)."""
        rates = self.chain.rates[*self.moves.T]
        reach = special.ndtri(0.975) * delta_method_se(np.eye(len(rates)), self.information)
        with np.errstate(over="ignore"):  # an undetermined rate: from 0 to inf
            return self._matrix(rates * np.exp(-reach)), self._matrix(rates * np.exp(reach))

    def mean_sojourn_se(self) -> _Floats:
        """Delta-method standard errors of the mean sojourns, shape (n_states,); 0 where nothing leaves."""
        is_from = self.moves[:, 0] == np.arange(len(self.chain.generator))[:, None]
        sojourn = np.where(is_from.any(axis=1), self.chain.mean_sojourn(), 0.0)
        jacobian = -(sojourn[:, None] ** 2) * is_from * self.chain.rates[*self.moves.T]
        return delta_method_se(jacobian, self.information)

    def _matrix(self, values: _Floats) -> _Floats:
        matrix = np.zeros_like(self.chain.generator)
        matrix[*self.moves.T] = values
        return matrix


def fit_markov_exact(
    from_state: npt.ArrayLike,
    to_state: npt.ArrayLike,
    start: npt.ArrayLike,
    stop: npt.ArrayLike,
    *,
    n_states: int,
) -> MarkovFit:
    """Rates of moves from sojourns whose moments are known: moves over time at risk.

    Parameters
    ----------
    from_state : array_like of int, shape (n_sojourns,)
        State of each sojourn, 0 to ``n_states - 1``.
    to_state : array_like of int, shape (n_sojourns,)
        State entered at `stop`; -1 where the deal was last seen still in `from_state`.
    start, stop : array_like of float, shape (n_sojourns,)
        Under observation in ``(start, stop]``, any one unit. A `start` after the state was entered is
        delayed entry: without memory, only the time seen counts.
    n_states : int
        Number of states.

    Returns
    -------
    MarkovFit
        One parameter for each kind of move seen; the others have rate 0.

    Raises
    ------
    MarkovError
        If a state is unknown, a sojourn moves to its own state or has ``start >= stop``, or nobody moves.

    Notes
    -----
    ``q_ij = N_ij / T_i``, log-likelihood ``sum N log q - sum q T``, standard error ``q / sqrt(N)`` [1]_.

    References
    ----------
    .. [1] Albert (1962), "Estimating the infinitesimal generator of a continuous time, finite state Markov
       process", Annals of Mathematical Statistics 33, 727-753.

    Examples
    --------
    >>> fit = fit_markov_exact([0, 0, 0], [1, 2, -1], [0, 0, 5], [10, 20, 15], n_states=3)
    >>> fit.chain.rates[0]
    array([0.   , 0.025, 0.025])
    """
    origin, target = (
        _codes("from_state", from_state, 0, n_states),
        _codes("to_state", to_state, OPEN, n_states),
    )
    begin, end = np.asarray(start, dtype=np.float64), np.asarray(stop, dtype=np.float64)
    shapes = [column.shape for column in (origin, target, begin, end)]
    if len(set(shapes)) != 1:
        raise MarkovError(f"columns need one entry per sojourn; their shapes are {shapes}")
    _refuse(origin == target, "a sojourn moves to its own state; write -1 if still open", origin)
    _refuse(~(np.isfinite(begin) & np.isfinite(end) & (begin < end)), "needs finite start < stop", begin, end)
    is_move = target != OPEN
    counts = np.zeros((n_states, n_states))
    np.add.at(counts, (origin[is_move], target[is_move]), 1.0)
    if not counts.any():
        raise MarkovError(f"nobody moves in {len(origin)} sojourns; rates cannot be estimated")
    exposure = np.bincount(origin, weights=end - begin, minlength=n_states)
    rates = counts / np.where(exposure > 0, exposure, 1.0)[:, None]
    n_moves = counts[counts > 0]
    loglik = float((n_moves * np.log(rates[counts > 0])).sum() - (rates.sum(axis=1) * exposure).sum())
    unseen = np.flatnonzero((exposure == 0) & ~counts.any(axis=0))
    warnings = tuple(f"state {state} was never observed; its rates are 0" for state in unseen)
    return MarkovFit(
        MarkovChain.from_rates(rates), loglik, np.argwhere(counts > 0), np.diag(n_moves), True, warnings
    )


def fit_markov_panel(
    deal: npt.ArrayLike,
    time: npt.ArrayLike,
    state: npt.ArrayLike,
    *,
    allowed: npt.ArrayLike,
    exact_states: Collection[int] = (),
) -> MarkovFit:
    """Rates of moves from snapshots of a pipeline: where deals stood at some moments, not when they moved.

    Parameters
    ----------
    deal : array_like of int or str, shape (n_snapshots,)
        Which deal was seen; rows of different deals may be mixed.
    time : array_like of float, shape (n_snapshots,)
        Moment on the deal clock, any one unit, increasing within a deal.
    state : array_like of int, shape (n_snapshots,)
        State seen, 0 to ``n_states - 1``.
    allowed : array_like of bool, shape (n_states, n_states)
        Moves that can happen at once; each is one parameter.
    exact_states : collection of int
        Absorbing states whose first row gives the very moment of arrival, not one by which it had come.

    Returns
    -------
    MarkovFit
        Its `information` is the observed one, from central differences of the analytic score.

    Raises
    ------
    MarkovError
        If a state is unknown, times do not increase, an observed change is impossible under `allowed`, or
        nobody moves.

    Notes
    -----
    The log-likelihood sums ``log P(dt)[r, s]`` over successive snapshots, and ``log sum_k P(dt)[r, k] q_ks``
    for an exact arrival [1]_. It is climbed over log rates, from moves over time as if nothing happened
    between snapshots. When and why snapshots are taken must not depend on moves not yet seen.

    References
    ----------
    .. [1] Kalbfleisch, Lawless (1985), "The analysis of panel data under a Markov assumption", Journal of the
       American Statistical Association 80, 863-871; exact times: Jackson (2011), JSS 38(8).

    Examples
    --------
    Of 4 deals seen a day apart one had ended: ``1 - exp(-q) = 1/4``.

    >>> seen = [[0, 0], [0, 0], [0, 0], [0, 1]]
    >>> fit = fit_markov_panel(np.repeat(range(4), 2), [0, 1] * 4, np.ravel(seen), allowed=[[0, 1], [0, 0]])
    >>> round(float(fit.chain.rates[0, 1]), 4)
    0.2877
    """
    panel = _Panel.checked(deal, time, state, np.asarray(allowed), exact_states)
    mean_gap = np.average(panel.gaps[panel.gap_of], weights=panel.weight)
    n_moves = np.zeros(panel.allowed.shape)
    np.add.at(n_moves, (panel.origin, panel.target), panel.weight)
    exposure = np.bincount(panel.origin, panel.gaps[panel.gap_of] * panel.weight, len(n_moves))
    rates = np.maximum(n_moves, 0.5) / np.maximum(exposure, mean_gap)[:, None]
    bounds = np.log([1e-6 / exposure.sum(), 100.0 / panel.gaps.min()])
    start = np.clip(np.log(rates[*panel.moves.T]), *bounds)
    best = maximise(panel.loglik_and_score, start, [tuple(bounds)] * len(start))
    fit = MarkovFit(
        panel.chain(best.at), best.value, panel.moves, best.information, best.is_converged, best.warnings
    )
    lost = np.isinf(delta_method_se(np.eye(len(start)), best.information))
    undetermined = tuple(
        f"the data do not determine the rate {origin} -> {target} (found {np.exp(log_rate):.3g})"
        for (origin, target), log_rate in zip(panel.moves[lost], best.at[lost], strict=True)
    )
    return replace(fit, warnings=fit.warnings + undetermined)


@dataclass(frozen=True, eq=False)
class _Panel:
    """Distinct pairs of successive snapshots with their numbers, and their likelihood."""

    allowed: _Bools
    moves: _Ints
    gaps: _Floats
    gap_of: _Ints
    origin: _Ints
    target: _Ints
    is_exact: _Bools
    weight: _Floats

    @classmethod
    def checked(
        cls,
        deal: npt.ArrayLike,
        time: npt.ArrayLike,
        state: npt.ArrayLike,
        allowed: npt.NDArray[np.generic],
        exact_states: Collection[int],
    ) -> _Panel:
        is_allowed = _allowed(allowed, exact_states)
        deals, code = np.unique(np.asarray(deal), return_inverse=True)
        times, states = np.asarray(time, dtype=np.float64), _codes("state", state, 0, len(is_allowed))
        if code.shape != times.shape or times.shape != states.shape:
            raise MarkovError("deal, time and state need one entry per snapshot")
        _refuse(~np.isfinite(times), "time must be finite", times)
        order = np.argsort(code, kind="stable")
        follows = np.flatnonzero(np.diff(code[order]) == 0)
        before, after = order[follows], order[follows + 1]
        origin, target, gap = states[before], states[after], times[after] - times[before]
        seen = [deals[code][before], times[before], times[after], origin, target]
        _refuse(gap <= 0, "times of a deal must increase; deal, times and states", *seen)
        is_possible = _closure(is_allowed)[origin, target]
        _refuse(~is_possible, "a change that `allowed` rules out; deal, times and states", *seen)
        if not (origin != target).any():
            raise MarkovError(f"nobody moves in {len(times)} snapshots; rates cannot be estimated")
        gaps, gap_of = np.unique(gap, return_inverse=True)
        pairs, n_pairs = np.unique(np.stack([gap_of, origin, target]), axis=1, return_counts=True)
        gap_of, origin, target = pairs
        is_exact = np.isin(target, list(exact_states)) & (origin != target)
        weight = n_pairs.astype(np.float64)
        return cls(is_allowed, np.argwhere(is_allowed), gaps, gap_of, origin, target, is_exact, weight)

    def chain(self, log_rates: _Floats) -> MarkovChain:
        rates = np.zeros(self.allowed.shape)
        rates[*self.moves.T] = np.exp(log_rates)
        return MarkovChain.from_rates(rates)

    def loglik_and_score(self, log_rates: _Floats) -> tuple[float, _Floats]:
        """Log-likelihood, and its derivatives by the logarithms of the rates."""
        generator, rates = self.chain(log_rates).generator, np.exp(log_rates)
        series = _Uniformised(generator, self.gaps)
        row = series.transition_prob()[self.gap_of, self.origin]
        ends = np.where(self.is_exact[:, None], generator.T[self.target], np.eye(len(generator))[self.target])
        chance = np.maximum((row * ends).sum(axis=1), np.finfo(float).tiny)
        score = np.empty(len(rates))
        for k, (origin, target) in enumerate(self.moves):
            direction = np.zeros_like(generator)
            direction[origin, [origin, target]] = -rates[k], rates[k]
            change = (series.derivative(direction)[self.gap_of, self.origin] * ends).sum(axis=1)
            change += np.where(self.is_exact & (self.target == target), row[:, origin] * rates[k], 0.0)
            score[k] = self.weight @ (change / chance)
        return float(self.weight @ np.log(chance)), score


class _Uniformised:
    """``exp(Q t)`` at many times as a mean of powers of ``B = I + Q / rate`` over a Poisson number of jumps.

    All terms are >= 0: small chances keep their relative precision, as logarithms of them need. Times that
    hold more than 16 jumps are halved first and doubled back. Terms are summed by einsum:
    as matrix products, threads made the fits ten times slower on a busy machine.
    """

    def __init__(self, generator: _Floats, times: _Floats) -> None:
        self.rate = -generator.diagonal().min() or 1.0  # any rate will do where nobody ever moves
        n_jumps = self.rate * times
        if (n_jumps > 1e15).any():
            raise MarkovError(f"horizon {times.max():g} holds over 1e15 visits to the fastest state")
        self.n_doublings = int(np.ceil(np.log2(max(n_jumps.max(initial=0.0) / 16, 1.0))))
        self.n_jumps = n_jumps[:, None] / 2**self.n_doublings
        most = self.n_jumps.max(initial=0.0)
        n_terms = len(generator) + int(most + 10 * np.sqrt(most)) + 16  # beyond: 1e-17 of any entry
        self.terms = np.arange(n_terms)
        self.weights = np.exp(
            special.xlogy(self.terms, self.n_jumps) - self.n_jumps - special.gammaln(self.terms + 1)
        )
        self.powers = np.empty((n_terms, *generator.shape))
        self.powers[0] = np.eye(len(generator))
        for k in range(1, n_terms):
            self.powers[k] = self.powers[k - 1] @ (self.powers[0] + generator / self.rate)
        self.stages = [_stochastic(_sum_terms(self.weights, self.powers))]
        for _ in range(self.n_doublings):
            self.stages.append(_stochastic(self.stages[-1] @ self.stages[-1]))

    def transition_prob(self) -> _Floats:
        return self.stages[-1]

    def derivative(self, direction: _Floats) -> _Floats:
        """Change of ``exp(Q t)`` with `Q` in a direction: the Frechet derivative, term by term."""
        changes = np.zeros_like(self.powers)
        for k in range(1, len(self.terms)):
            changes[k] = (changes[k - 1] @ self.powers[1]) + self.powers[k - 1] @ (direction / self.rate)
        change = _sum_terms(self.weights, changes)
        for prob in self.stages[:-1]:
            change = change @ prob + prob @ change
        return change

    def length_of_stay(self) -> _Floats:
        """Integrals of ``exp(Q u)`` over ``(0, t)``."""
        beyond = special.gammainc(self.terms + 1.0, self.n_jumps) / self.rate
        stay = _sum_terms(beyond, self.powers)
        for prob in self.stages[:-1]:
            stay = stay + prob @ stay
        return stay


def _closure(is_move: _Bools) -> _Bools:
    """Which states can be reached from which, by any number of moves, also none."""
    n_paths = np.eye(len(is_move)) + is_move
    for _ in range(len(is_move).bit_length()):
        n_paths = np.minimum(n_paths @ n_paths, 1.0)
    return n_paths > 0


def _sum_terms(weights: _Floats, terms: _Floats) -> _Floats:
    result: _Floats = np.einsum("tk,kij->tij", weights, terms)
    return result


def _stochastic(prob: _Floats) -> _Floats:
    result: _Floats = prob / prob.sum(axis=-1, keepdims=True)
    return result


def _horizons(horizon: npt.ArrayLike) -> _Floats:
    asked = np.asarray(horizon, dtype=np.float64)
    if not (asked >= 0).all():  # also catches NaN
        raise MarkovError(f"a horizon is a time >= 0, not {asked[~(asked >= 0)][0]}")
    return asked


def _allowed(allowed: npt.NDArray[np.generic], exact_states: Collection[int]) -> _Bools:
    is_allowed = allowed.astype(bool)
    if is_allowed.ndim != 2 or is_allowed.shape[0] != is_allowed.shape[1] or is_allowed.diagonal().any():
        raise MarkovError("allowed is a square matrix of moves, False on the diagonal")
    for state in exact_states:
        if state not in range(len(is_allowed)) or is_allowed[state].any():
            raise MarkovError(f"exact state {state} must be a known state that no move leaves")
    return is_allowed


def _codes(column: str, values: npt.ArrayLike, lowest: int, n_states: int) -> _Ints:
    codes = np.asarray(values)
    if codes.ndim != 1 or not codes.size or codes.dtype.kind not in "iu":
        raise MarkovError(f"{column} needs one whole number per row; found {codes.dtype} {codes.shape}")
    is_known = (codes >= lowest) & (codes < n_states)
    _refuse(~is_known, f"{column} is not in {lowest} to {n_states - 1}", codes)
    return codes.astype(np.int64)


def _refuse(is_bad: _Bools, reason: str, *columns: npt.NDArray[np.generic]) -> None:
    if is_bad.any():
        row = int(np.argmax(is_bad))
        found = ", ".join(repr(column.item(row)) for column in columns)
        raise MarkovError(f"row {row}: {reason}; found {found}")
