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
    neglected : float
        Share of stays that end by neglect as things usually are: part of the losses of the history.
    """

    own: Floats
    slope: float
    stays: Floats
    rep_parts: Floats
    neglected: float = 0.0

    def own_delay(self, stay: int) -> float:
        """Customer's own delay, in steps."""
        last = len(self.own) - 1
        if stay <= last:
            return float(self.own[stay])
        return float(self.own[last]) + self.slope * (stay - last)

    def rep_part(self, stay: float, chance: float) -> tuple[float, float]:
        """Steps until a rep begins, and until the work is done, of a deal that usually stays so long in all.

        Parameters
        ----------
        stay : float
            Infinite for a deal that does not leave within sight.
        chance : float
            0..1; picks among the usual stays nearest to this one.
        """
        if self.slope < 1.0:
            return 0.0, stay * (1.0 - self.slope) if stay < np.inf else 0.0
        low, high = np.searchsorted(self.stays, [stay - 0.5, stay + 0.5])
        if high - low < _LEAST_NEAR:
            low, high = max(low - _LEAST_NEAR, 0), min(high + _LEAST_NEAR, len(self.stays))
        begins, ends = self.rep_parts[low + int(chance * (high - low))].tolist()
        return begins, ends


def by_share(customer_share: float, n_steps: int) -> StageSplit:
    """The customer's own delay as a stated share of every stay."""
    own = customer_share * np.arange(n_steps, dtype=np.float64)
    return StageSplit(own, customer_share, np.zeros(1), np.zeros((1, 2)))


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
    steps = np.arange(len(leaving), dtype=float)
    return StageSplit(_own_of(steps, knots, own), 1.0, made[order], both[order], neglected)


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
