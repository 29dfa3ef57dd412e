"""Aalen-Johansen: where deals stand some time after they began, open deals counted for as long as seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from funnelsim.vocabulary.errors import FunnelsimError

State = str | int
_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


class AalenJohansenError(FunnelsimError):
    """Spells, or a question about them, that the Aalen-Johansen estimator cannot use."""


@dataclass(frozen=True, eq=False)
class NumbersAtRisk:
    """How many spells are under observation in each state, as a step function of deal age.

    Parameters
    ----------
    change_times : ndarray of shape (n_changes,)
        Increasing times at which a spell starts or stops.
    counts : ndarray of int, shape (n_changes + 1, n_states)
        Row 0 holds before the first change, row ``i + 1`` just after ``change_times[i]``.
    """

    change_times: _Floats
    counts: _Ints

    def __post_init__(self) -> None:
        _freeze(self)

    @classmethod
    def of(cls, codes: _Ints, start: _Floats, stop: _Floats, n_states: int) -> NumbersAtRisk:
        """Count spells ``(start, stop]`` spent in the states `codes`, all of shape (n_spells,)."""
        change_times, place = np.unique(np.concatenate([start, stop]), return_inverse=True)
        size = len(change_times) * n_states
        entries = np.bincount(place[: len(start)] * n_states + codes, minlength=size)
        exits = np.bincount(place[len(start) :] * n_states + codes, minlength=size)
        counts = np.zeros((len(change_times) + 1, n_states), dtype=np.int64)
        np.cumsum((entries - exits).reshape(-1, n_states), axis=0, out=counts[1:])
        return cls(change_times, counts)

    def at(self, times: npt.ArrayLike) -> _Ints:
        """Spells with ``start < time <= stop``, those an event at each time can strike."""
        return self.counts[np.searchsorted(self.change_times, times, side="left")]

    def just_after(self, times: npt.ArrayLike) -> _Ints:
        """Spells with ``start <= time < stop``, those still going when each time has passed."""
        return self.counts[np.searchsorted(self.change_times, times, side="right")]


@dataclass(frozen=True, eq=False)
class Curves:
    """What an Aalen-Johansen estimate says at a list of times.

    Parameters
    ----------
    times : ndarray of shape (n_times,)
        Deal ages, in the unit of the spells.
    n_at_risk : ndarray of int, shape (n_times, n_states)
        Spells with ``start < time <= stop``. Where it is 0, the curves stand still for want of data.
    n_events : ndarray of int, shape (n_times, n_states, n_states)
        Moves from (row) to (column) in ``(from_time, time]``.
    occupation_prob, occupation_se : ndarray of shape (n_times, n_states)
        Probability of being in each state, and its Greenwood-type standard error.
    transition_prob, transition_se : ndarray of shape (n_times, n_states, n_states)
        ``P(from_time, time)``, rows are the state at `from_time`; and its Greenwood-type standard error.
    cumulative_hazard : ndarray of shape (n_times, n_states, n_states)
        Nelson-Aalen estimate, sum of dN/Y over ``(from_time, time]``; the diagonal is 0.
    hazard_se_aalen, hazard_se_greenwood : ndarray of shape (n_times, n_states, n_states)
        Square roots of the sums of ``dN/Y**2`` and of ``dN (Y - dN)/Y**3``; they differ most where few are at
        risk or events tie.
    """

    times: _Floats
    n_at_risk: _Ints
    n_events: _Ints
    occupation_prob: _Floats
    occupation_se: _Floats
    transition_prob: _Floats
    transition_se: _Floats
    cumulative_hazard: _Floats
    hazard_se_aalen: _Floats
    hazard_se_greenwood: _Floats

    def __post_init__(self) -> None:
        _freeze(self)


@dataclass(frozen=True, eq=False)
class AalenJohansen(Curves):
    """Aalen-Johansen estimate; its own `times` are `from_time` and every distinct time of an event after it.

    Parameters
    ----------
    states : tuple of str or int
        Labels in the order of every state axis; ``states.index("won")`` is the place of one.
    start_distribution : ndarray of shape (n_states,)
        Probabilities of the states at `from_time`, taken as known by the standard errors.
    at_risk : NumbersAtRisk
        Numbers at risk between events.
    **curves
        The fields of `Curves`, at `times`.
    """

    states: tuple[State, ...]
    start_distribution: _Floats
    at_risk: NumbersAtRisk

    def __repr__(self) -> str:
        moves = f"{self.n_events[-1].sum():,} moves at {len(self.times) - 1:,} times"
        return f"AalenJohansen({', '.join(map(str, self.states))}; {moves} after {self.from_time:g})"

    @property
    def from_time(self) -> float:
        """Deal age at which the curves begin; an event exactly then is not used."""
        return float(self.times[0])

    def at(self, times: npt.ArrayLike) -> Curves:
        """Curves read at any times from `from_time` on; after the last event they stay where they are.

        Raises
        ------
        AalenJohansenError
            If a time is before `from_time` or NaN.
        """
        asked, row = self._rows_at(times)
        curves = {curve.name: getattr(self, curve.name)[row] for curve in fields(Curves)}
        return Curves(**curves | {"times": asked, "n_at_risk": self.at_risk.at(asked)})

    def expected_time_in_state(self, until: npt.ArrayLike) -> _Floats:
        """Mean time spent in each state between `from_time` and each horizon.

        Parameters
        ----------
        until : float or ndarray of shape (n_horizons,)
            Deal ages. Beyond the last spell the area goes on under a flat curve, which is right only if
            every deal has ended.

        Returns
        -------
        ndarray of shape (n_horizons, n_states)
            In the unit of the spells; each row sums to ``until - from_time``.
        """
        asked, row = self._rows_at(until)
        steps = np.diff(self.times)[:, None] * self.occupation_prob[:-1]
        areas = np.vstack([np.zeros(len(self.states)), np.cumsum(steps, axis=0)])
        result: _Floats = areas[row] + (asked - self.times[row])[:, None] * self.occupation_prob[row]
        return result

    def _rows_at(self, times: npt.ArrayLike) -> tuple[_Floats, npt.NDArray[np.intp]]:
        asked = np.array(times, dtype=np.float64, ndmin=1)
        if not (asked >= self.from_time).all():  # also catches NaN
            raise AalenJohansenError(
                f"the curves begin at from_time = {self.from_time:g}; asked for "
                f"{asked[~(asked >= self.from_time)][0]:g}"
            )
        return asked, np.searchsorted(self.times, asked, side="right") - 1


def aalen_johansen(
    from_state: npt.ArrayLike,
    to_state: npt.ArrayLike,
    start: npt.ArrayLike,
    stop: npt.ArrayLike,
    *,
    from_time: float = 0.0,
    states: Sequence[State] | None = None,
    start_state: State | None = None,
    start_distribution: npt.ArrayLike | None = None,
    censored: State | None = None,
) -> AalenJohansen:
    """Share of deals in each state by deal age, with standard errors, from spells that may be cut short.

    Parameters
    ----------
    from_state : array_like of str or int, shape (n_spells,)
        State each spell is spent in.
    to_state : array_like of str, int or None, shape (n_spells,)
        State entered at `stop`; ``None`` (or `censored`) where the deal was last seen still in `from_state`.
    start, stop : array_like of float, shape (n_spells,)
        Spells ``(start, stop]`` on the deal clock (time since the deal began), in any one unit. A `start`
        after the deal began is delayed entry: the spell counts as at risk only from then on. Spells of one
        deal must not overlap; this is not checked.
    from_time : float
        Only events in ``(from_time, time]`` are used: one exactly at `from_time` is past.
    states : sequence of str or int, optional
        Order of the states. By default the sorted labels seen; give it, so that a mistyped label or an
        undeclared censor marker raises instead of becoming a state.
    start_state, start_distribution : optional
        State at `from_time`, or probabilities of shape (n_states,). By default the shares of the spells
        under observation just after `from_time`.
    censored : str or int, optional
        Marker that means the same as ``None`` in `to_state`.

    Returns
    -------
    AalenJohansen
        Probabilities, cumulative hazards, standard errors and numbers at risk at `from_time` and at each
        distinct event time, with methods to read them at other times.

    Raises
    ------
    AalenJohansenError
        If lengths differ or are 0, a time is NaN or infinite, a spell has ``start >= stop``, a label is
        unknown, a spell moves to its own state, or the start is unclear. Zero-length spells are refused,
        never dropped or stretched: no spell is at risk in ``(t, t]``, so their move would be lost. Merge
        moves of one moment into one, or shift them apart, beforehand.

    Notes
    -----
    ``P(s, t)`` is the product over event times ``u`` in ``(s, t]`` of ``I + dA(u)``, with ``dA = dN/Y`` and
    ``Y`` the spells with ``start < u <= stop`` [1]_. Events that tie share one factor and one ``Y``. A state
    nobody is at risk in keeps its probability. Variances treat each row of ``dA`` as a multinomial
    proportion, the Greenwood type ([2]_, section IV.4), deals as independent and the start distribution as
    known; infinitesimal-jackknife standard errors are not provided.

    Do not use `transition_prob` from a later stage, or with ``from_time > 0``, when the chance to move
    depends on time in stage: it needs the Markov property. `occupation_prob` from the start does not, as
    long as censoring is unrelated to the course of the deal. No curve is worth much where `n_at_risk` is
    a handful.

    References
    ----------
    .. [1] Aalen, Johansen (1978), "An empirical transition matrix for non-homogeneous Markov chains based on
       censored observations", Scandinavian Journal of Statistics 5, 141-150.
    .. [2] Andersen, Borgan, Gill, Keiding (1993), *Statistical Models Based on Counting Processes*, Springer.

    Examples
    --------
    Four leads: one lost on day 2, one won on day 3, one still open on day 3, one won on day 5.

    >>> estimate = aalen_johansen(["lead"] * 4, ["lost", "won", None, "won"], [0, 0, 0, 0], [2, 3, 3, 5])
    >>> estimate.states
    ('lead', 'lost', 'won')
    >>> estimate.at([2.5, 4.0]).occupation_prob
    array([[0.75, 0.25, 0.  ],
           [0.5 , 0.25, 0.25]])
    >>> estimate.expected_time_in_state(5.0)
    array([[3.75, 0.75, 0.5 ]])
    """
    spells = _Spells.checked(from_state, to_state, start, stop, states, censored)
    if not np.isfinite(from_time):
        raise AalenJohansenError(f"from_time must be a finite deal age, not {from_time}")
    at_risk = NumbersAtRisk.of(spells.origin, spells.start, spells.stop, len(spells.states))
    under_observation = at_risk.just_after(from_time)
    first = _first_distribution(spells.states, start_state, start_distribution, under_observation)
    times, n_moves = spells.moves_after(from_time)
    n_at_risk = at_risk.at(times)
    exposed = np.maximum(n_at_risk, 1)[:, :, None]  # where nobody is at risk nobody moves: 0, not 0/0
    share = n_moves / exposed
    prob, variance = _product_integral(n_moves, exposed, np.vstack([first, np.eye(len(first))]))
    return AalenJohansen(
        times=times,
        n_at_risk=n_at_risk,
        n_events=np.cumsum(n_moves, axis=0),
        occupation_prob=prob[:, 0],
        occupation_se=np.sqrt(variance[:, 0]),
        transition_prob=prob[:, 1:],
        transition_se=np.sqrt(variance[:, 1:]),
        cumulative_hazard=np.cumsum(share, axis=0),
        hazard_se_aalen=np.sqrt(np.cumsum(share / exposed, axis=0)),
        hazard_se_greenwood=np.sqrt(np.cumsum(share * (1 - share) / exposed, axis=0)),
        states=spells.states,
        start_distribution=first,
        at_risk=at_risk,
    )


def _product_integral(n_moves: _Ints, exposed: _Ints, start_rows: _Floats) -> tuple[_Floats, _Floats]:
    """Rows carried through every event time, and their Greenwood variances.

    With D = I + dA, the covariance V of a row p becomes D' V D + sum_g p_g**2 (diag(D_g) - D_g D_g') / Y_g.
    Variances of P never need covariances between its rows: one (n_states, n_states) block a row is enough.
    """
    n_times, n_states, _ = n_moves.shape
    n_leaving = n_moves.sum(axis=2, keepdims=True)
    steps = n_moves / exposed + (exposed - n_leaving) / exposed * np.eye(n_states)
    precision = ((n_leaving > 0) / exposed)[:, :, 0]  # 0 without an event: no variance, and no rounding
    prob = np.empty((n_times, *start_rows.shape))
    variance = np.empty_like(prob)
    row, covariance = start_rows, np.zeros((*start_rows.shape, n_states))
    diagonal = np.einsum("hjj->hj", covariance)  # a view: writing to it writes to covariance
    for i, step in enumerate(steps):
        weight = row**2 * precision[i]
        diagonal -= weight
        np.matmul(step.T, covariance @ step, out=covariance)
        diagonal += weight @ step
        prob[i] = row = row @ step
        variance[i] = diagonal
    is_certain = np.count_nonzero(prob, axis=2, keepdims=True) == 1  # rounding alone would leave some 1e-9
    return prob, np.where(is_certain, 0.0, np.maximum(variance, 0.0))


@dataclass(frozen=True, eq=False)
class _Spells:
    """Checked spells; states are positions in `states`, and `target` is -1 where censored."""

    states: tuple[State, ...]
    origin: _Ints
    target: _Ints
    start: _Floats
    stop: _Floats

    @classmethod
    def checked(
        cls,
        from_state: npt.ArrayLike,
        to_state: npt.ArrayLike,
        start: npt.ArrayLike,
        stop: npt.ArrayLike,
        states: Sequence[State] | None,
        censored: State | None,
    ) -> _Spells:
        origins, targets = (np.asarray(labels, dtype=object) for labels in (from_state, to_state))
        starts, stops = (np.asarray(times, dtype=np.float64) for times in (start, stop))
        shapes = [column.shape for column in (origins, targets, starts, stops)]
        if len(set(shapes)) != 1 or len(shapes[0]) != 1 or shapes[0] == (0,):
            raise AalenJohansenError(
                f"from_state, to_state, start and stop need one entry per spell; their shapes are {shapes}"
            )
        is_finite = np.isfinite(starts) & np.isfinite(stops)
        _refuse(~is_finite, "times must be finite; a spell still open stops when last seen", starts, stops)
        _refuse(starts >= stops, "start must be before stop; merge moves of the same moment", starts, stops)
        moves = (targets != None) & (targets != censored)  # noqa: E711 - elementwise
        names = _state_names(states, {*origins.tolist(), *targets[moves].tolist()}, censored)
        origin, target = _codes(origins, names, "from_state"), np.full(len(origins), -1)
        target[moves] = _codes(targets[moves], names, "to_state")
        _refuse(origin == target, "moves to its own state; join it with the next spell", origins)
        return cls(names, origin, target, starts, stops)

    def moves_after(self, from_time: float) -> tuple[_Floats, _Ints]:
        """Return `from_time` with each distinct event time after it, and the moves at each."""
        n_states, used = len(self.states), (self.target >= 0) & (self.stop > from_time)
        times, place = np.unique(np.append(self.stop[used], from_time), return_inverse=True)
        cell = (place[:-1] * n_states + self.origin[used]) * n_states + self.target[used]
        counts = np.bincount(cell, minlength=len(times) * n_states**2)
        return times, counts.reshape(-1, n_states, n_states)


def _refuse(is_bad: npt.NDArray[np.bool_], reason: str, *columns: npt.NDArray[Any]) -> None:
    if is_bad.any():
        spell = int(np.argmax(is_bad))
        found = ", ".join(repr(column.item(spell)) for column in columns)
        raise AalenJohansenError(f"spell {spell}: {reason}; found {found}")


def _state_names(
    states: Sequence[State] | None, seen: set[State], censored: State | None
) -> tuple[State, ...]:
    if states is None:
        try:
            return tuple(sorted(seen))
        except TypeError as error:
            raise AalenJohansenError(
                "labels must be all text or all whole numbers, with None where censored; "
                f"found {sorted(map(repr, seen))}"
            ) from error
    names = tuple(states)
    if len(set(names)) != len(names) or censored in names or None in names:
        raise AalenJohansenError(f"states must be distinct and not the censor marker, not {names}")
    return names


def _codes(labels: npt.NDArray[np.object_], states: tuple[State, ...], column: str) -> _Ints:
    codes = np.full(len(labels), -1)
    for code, state in enumerate(states):
        codes[labels == state] = code
    if (codes < 0).any():
        raise AalenJohansenError(
            f"{column} has unknown state {labels[int(np.argmin(codes))]!r}; known are "
            f"{', '.join(map(repr, states))} (a censored spell has to_state None or the censored marker)"
        )
    return codes


def _first_distribution(
    states: tuple[State, ...],
    start_state: State | None,
    start_distribution: npt.ArrayLike | None,
    under_observation: _Ints,
) -> _Floats:
    if start_state is not None and start_distribution is not None:
        raise AalenJohansenError("give start_state or start_distribution, not both")
    if start_state is not None:
        code = _codes(np.array([start_state], dtype=object), states, "start_state")[0]
        start_distribution = np.eye(len(states))[code]
    elif start_distribution is None:
        if not under_observation.any():
            raise AalenJohansenError("no spell is under observation just after from_time; give start_state")
        start_distribution = under_observation / under_observation.sum()
    first = np.array(start_distribution, dtype=np.float64)
    if first.shape != (len(states),) or not (first >= 0).all() or not np.isclose(first.sum(), 1.0):
        raise AalenJohansenError(
            f"start_distribution needs {len(states)} probabilities that sum to 1, not {first}"
        )
    return first


def _freeze(record: object) -> None:
    for value in vars(record).values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
