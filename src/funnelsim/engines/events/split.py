"""The time in a stage, split into the customer's own delay and the rep's part: nothing counts twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_STRATA = 4_000
_ROUNDS = 40
_MOST_KNOTS = 150
_LEAST_NEAR = 20
_MOST_QUEUES = 16  # lengths of queues told apart


@dataclass(frozen=True)
class Parts:
    """Steps of a stay until a rep began and until the work was done, and of the own delay after it."""

    begins: float
    ends: float
    own_delay: float


@dataclass(frozen=True)
class UsualStay:
    """A stay as they usually are: its steps, infinite if it does not end within sight, and its parts."""

    stay: float
    parts: Parts

    def stretched(self, stay: float) -> Parts:
        """Its parts, were it so long: the customer's own delay gives way."""
        parts = self.parts
        own = parts.own_delay + stay - self.stay if self.stay < np.inf else stay - parts.ends
        return Parts(parts.begins, parts.ends, max(own, 0.0))


@dataclass(frozen=True, eq=False)
class StageSplit:
    """The split of one stage that needs work.

    Parameters
    ----------
    own : ndarray of float, shape (n_steps,)
        Customer's own delay, in steps, of a deal that would stay 0, 1, ... steps as things usually are.
    slope : float
        What each further step of stay adds to it.
    stays : ndarray of float, shape (n_samples,)
        Usual stays, sorted; infinite for deals that do not leave within sight.
    rep_parts : ndarray of float, shape (n_samples, 2)
        Steps of each of these until a rep began, and until the work was done.
    own_delays : ndarray of shape (n_samples,)
        Customer's own delay in each of these.
    by_wait : ndarray of int, shape (n_samples,)
        These in order of their wait.
    neglected : float
        Share of stays that end by neglect as things usually are: part of the losses of the history.
    """

    own: Floats
    slope: float
    stays: Floats
    rep_parts: Floats
    own_delays: Floats
    by_wait: Ints
    neglected: float = 0.0

    @property
    def knows_waits(self) -> bool:
        """Whether waits were found, and no share of stays was stated."""
        return len(self.stays) > 0

    def own_delay(self, stay: int) -> float:
        """Customer's own delay, in steps."""
        last = len(self.own) - 1
        if stay <= last:
            return float(self.own[stay])
        return float(self.own[last]) + self.slope * (stay - last)

    def parts(self, stay: float) -> Parts:
        """Rep's part of a stay whose length is all that counts: under a stated share nobody waits."""
        work = stay * (1.0 - self.slope) if stay < np.inf else 0.0
        return Parts(0.0, work, stay - work)

    def open_stay(self, age: int, queue: float, chance: float, within: float) -> tuple[float, UsualStay]:
        """A usual stay that lasts longer than some steps, by the length of the queue that it met.

        Parameters
        ----------
        age : int
            Steps that it has lasted.
        queue : float
            0..1; rank of the wait among those of all such stays. Those who share a queue share it.
        chance, within : float
            0..1; pick among stays with such a wait, and within those of equal length.

        Returns
        -------
        rank : float
            0..1; of its length among all such stays. Over all queues it is as likely to be low as high.
        stay : UsualStay

        Notes
        -----
        The wait comes first and the length of the stay follows from it: nobody leaves a stage while still in
        its queue. Were lengths drawn without regard to the queue, in long queues too many would be about to
        leave.
        """
        first = int(np.searchsorted(self.stays, age, side="right"))
        n = len(self.stays) - first
        if n == 0:
            return chance, UsualStay(np.inf, Parts(0.0, 0.0, np.inf))
        n_blocks = min(_MOST_QUEUES, -(-n // _LEAST_NEAR))
        # Which of the stays in order of wait: within a block of neighbours luck decides.
        nth = int((int(queue * n_blocks) + chance) / n_blocks * n)
        at = int(self.by_wait[self.by_wait >= first][nth])
        low, high = (int(np.searchsorted(self.stays, self.stays[at], side)) for side in ("left", "right"))
        rank = (low - first + within * (high - low)) / n
        begins, ends = self.rep_parts[at].tolist()
        return rank, UsualStay(float(self.stays[at]), Parts(begins, ends, float(self.own_delays[at])))


def by_share(customer_share: float, n_steps: int) -> StageSplit:
    """The customer's own delay as a stated share of every stay."""
    own = customer_share * np.arange(n_steps, dtype=np.float64)
    none = np.zeros(0)
    return StageSplit(own, customer_share, none, none.reshape(0, 2), none, none.astype(np.int64))


def by_usual_waits(
    leaving: Floats, rep_parts: Floats, neglected: float, rng: np.random.Generator
) -> StageSplit:
    """The customer's own delay for which the usual waits and work make the stays that history shows.

    Parameters
    ----------
    leaving : ndarray of shape (n_steps,)
        Chance of a deal that enters the stage to leave it after 0, 1, ... steps, by the history.
    rep_parts : ndarray of shape (n_samples, 2)
        Steps until a rep begins, and until the work is done, at the usual load with the usual reps.
    neglected : float
    rng : Generator

    Returns
    -------
    StageSplit

    Notes
    -----
    Sought is a rising map D of stays such that ``floor(f + X + D(T))`` has the law of T, where T is a stay by
    the history, X the rep's part and f the moment within the step of entry, all independent. The map is
    moved by the distance of quantiles until they agree: a deconvolution by quantiles. Where deals left
    faster than wait and work allow, D is 0 and the stays of the model are longer; see `Usual.table`.
    """
    strata = (np.arange(_STRATA) + 0.5) / _STRATA
    at = np.searchsorted(np.cumsum(leaving), strata, side="right")
    stay = np.where(at < len(leaving), at, np.inf).astype(float)
    both, within = rep_parts[rng.integers(len(rep_parts), size=_STRATA)], rng.random(_STRATA)
    part = both[:, 1]
    seen = int((at < len(leaving)).sum())
    knots, position = _knots(at[:seen])
    own = np.maximum(knots - part.mean(), 0.0)
    for _ in range(_ROUNDS if seen else 0):
        moment = within + part + _own_of(stay, knots, own) - 0.5
        gap = knots - np.sort(moment)[position]
        own = np.maximum.accumulate(np.maximum(own + 0.7 * gap, 0.0))
    delay = _own_of(stay, knots, own)
    made = np.floor(within + part + delay)
    order = np.argsort(made, kind="stable")
    made, both, delay = made[order], both[order], delay[order]
    # Many do not wait at all: among equals chance decides, or short stays would count as short waits.
    by_wait = np.lexsort((rng.random(_STRATA), both[:, 0]))
    steps = np.arange(len(leaving), dtype=float)
    return StageSplit(_own_of(steps, knots, own), 1.0, made, both, delay, by_wait, neglected)


def _knots(at: Ints) -> tuple[Floats, Ints]:
    """Stays at which the map is sought, and the place of the middle of each among the sorted stays."""
    if not len(at):
        return np.zeros(1), np.zeros(1, np.int64)
    stays, first, counts = np.unique(at, return_index=True, return_counts=True)
    middle = first + counts // 2
    if len(stays) > _MOST_KNOTS:
        kept = np.unique(
            np.searchsorted(middle, np.linspace(0, len(at) - 1, _MOST_KNOTS)).clip(0, len(stays) - 1)
        )
        stays, middle = stays[kept], middle[kept]
    return stays.astype(float), middle


def _own_of(stay: Floats, knots: Floats, own: Floats) -> Floats:
    """The map between and beyond its knots; beyond the last one a step more of stay is one more of delay."""
    delay = np.interp(stay, knots, own)
    beyond = stay > knots[-1]
    delay[beyond] = stay[beyond] - knots[-1] + own[-1]
    return delay


def mean_stay(stays: Sequence[float] | Floats) -> float:
    """Mean of those that end within sight."""
    finite = np.asarray(stays, dtype=float)
    finite = finite[np.isfinite(finite)]
    return float(finite.mean()) if len(finite) else float("nan")
