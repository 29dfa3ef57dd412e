"""Chances of winning by step: the renewal recursion over stages, for a batch of draws of the hazards.

A *rate* is a cumulative hazard per step, split by destination: ``rate = -log(1 - h) * h_j / h``, so that
chances stay in (0, 1) whatever multiplies a rate. The first axis of every array is the draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, next_fast_len, rfft

from funnelsim.numerics.rates import chances_of, rates_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Complexes = npt.NDArray[np.complex128]

_WRAPPED = 1e-12  # what wraps around the circle of the transform is damped by this factor
_LEAST_SURVIVAL = 1e-200  # below it a ratio of survivals loses its digits


@dataclass(frozen=True, eq=False)
class StageRates:
    """Exit rates of one open stage.

    Parameters
    ----------
    first_age : ndarray of int, shape (n_bins,)
        First age of each bin: 0, 1, ...; at least two bins; the last bin never ends.
    places : ndarray of int, shape (n_exits,)
        Codes of the places that deals of this stage go to.
    rates : ndarray of float, shape (n_draws, n_bins, n_exits)
        Cumulative hazard per step to each of these places.
    speed : ndarray of float, shape (n_exits,)
        How fast each cause of exit runs from the cutoff on; 1 leaves it as it was, 1.25 is a quarter faster.
    """

    first_age: Ints
    places: Ints
    rates: Floats
    speed: Floats

    @classmethod
    def from_hazards(cls, first_age: Ints, hazards: Floats, speed: Floats) -> StageRates:
        """Rates from chances per step, shape (n_draws, n_bins, n_places); `speed` has shape (n_places,)."""
        places = np.flatnonzero((hazards > 0).any(axis=(0, 1)))
        seen = hazards[:, :, places]
        return cls(first_age, places, rates_of(seen), speed[places])

    @property
    def same_step(self) -> Floats:
        """Chance to leave to each place within the step of entry, shape (n_draws, n_exits)."""
        return chances_of(self.rates[:, 0], axis=1)

    @property
    def tail_age(self) -> int:
        """Age from which all deals of the stage are alike, whatever their age."""
        return int(self.first_age[-1]) - 1

    def step_rates(self, ages: Ints, n_steps: int) -> Floats:
        """Rates to each place in each coming step, for a deal of each age that is still in the stage.

        Parameters
        ----------
        ages : ndarray of int, shape (n_ages,)
            Steps in stage so far, all without an exit.
        n_steps : int

        Returns
        -------
        ndarray of shape (n_draws, n_exits, n_ages, n_steps)

        Notes
        -----
        With speed ``v`` the u-th step takes the rates between the ages ``a + (u - 1) v`` and ``a + u v``, bin
        by bin: who leaves within one bin is split by the shares of that bin. So a speed common to all causes
        changes when deals leave, never where to.
        """
        ages = np.minimum(ages, self.tail_age)
        if (self.speed == 1.0).all():
            age = np.minimum(ages[:, None] + np.arange(1, n_steps + 1), self.first_age[-1])
            bin_of = np.searchsorted(self.first_age, age, side="right") - 1
            return np.moveaxis(self.rates[:, bin_of], 3, 1)
        knots = np.maximum(self.first_age - 1, 0).astype(float)  # age k takes its rate over (k - 1, k]
        times, end_of_step = self._pieces(ages, n_steps, knots)
        length, middle = np.diff(times, axis=1), (times[:, 1:] + times[:, :-1]) / 2
        taken = np.empty((len(self.rates), len(self.places), *length.shape))
        for cause, speed in enumerate(self.speed):
            bin_of = np.maximum(np.searchsorted(knots, ages[:, None] + speed * middle, side="left") - 1, 1)
            taken[:, cause] = self.rates[:, bin_of, cause] * (speed * length)
        step_of = np.minimum(middle.astype(np.int64), n_steps - 1)
        return _rates_of_steps(taken, end_of_step, step_of)

    def leaving(self, ages: Ints, n_steps: int) -> Floats:
        """Chance to leave to each place in each coming step, given an age reached without leaving.

        Parameters
        ----------
        ages : ndarray of int, shape (n_ages,)
        n_steps : int

        Returns
        -------
        ndarray of shape (n_draws, n_exits, n_ages, n_steps)
        """
        rates = self.step_rates(ages, n_steps)
        total = rates.sum(axis=1, keepdims=True)
        before = np.cumsum(total, axis=3) - total
        leaving: Floats = chances_of(rates, axis=1) * np.exp(-before)
        return leaving

    def _pieces(self, ages: Ints, n_steps: int, knots: Floats) -> tuple[Floats, Ints]:
        """Times that cut the coming steps wherever a cause passes into its next bin.

        Returns
        -------
        times : ndarray of shape (n_ages, n_pieces + 1)
            Sorted, in steps from the cutoff: 0, ..., ``n_steps``.
        end_of_step : ndarray of int, shape (n_ages, n_steps + 1)
            Position in `times` of the cutoff and of the end of each step.
        """
        steps = np.broadcast_to(np.arange(n_steps + 1.0), (len(ages), n_steps + 1))
        # At the old pace bins begin with a step: nothing to cut.
        cuts = [(knots[2:] - ages[:, None]) / v for v in np.unique(self.speed[self.speed != 1.0])]
        times = np.concatenate([steps, *(np.clip(cut, 0.0, n_steps) for cut in cuts)], axis=1)
        order = np.argsort(times, axis=1, kind="stable")
        end_of_step = np.argsort(order, axis=1)[:, : n_steps + 1]
        return np.take_along_axis(times, order, axis=1), end_of_step

    def by_age(self, n_ages: int) -> tuple[Floats, Floats]:
        """Survival through each age and chance to leave at each age, for a deal that stayed at age 0.

        Returns
        -------
        survival : ndarray of shape (n_draws, n_ages)
            Chance to be still in the stage after age k; 1 at age 0.
        leaves : ndarray of shape (n_draws, n_exits, n_ages)
            Chance to leave to each place at age k; 0 at age 0.
        """
        bin_of = np.searchsorted(self.first_age, np.arange(n_ages), side="right") - 1
        rates = self.rates.swapaxes(1, 2)[:, :, bin_of]
        rates[:, :, 0] = 0.0
        cumulative = np.cumsum(rates.sum(axis=1), axis=1)
        survival = np.exp(-cumulative)
        before = np.concatenate([np.ones((len(rates), 1)), survival[:, :-1]], axis=1)
        return survival, chances_of(rates, axis=1) * before[:, None]


def _rates_of_steps(taken: Floats, end_of_step: Ints, step_of: Ints) -> Floats:
    """Rates of whole steps from those of their pieces, in a way that keeps the chance of each cause.

    Parameters
    ----------
    taken : ndarray of shape (n_draws, n_exits, n_ages, n_pieces)
    end_of_step : ndarray of int, shape (n_ages, n_steps + 1)
        Piece that follows the cutoff, or the end of each step.
    step_of : ndarray of int, shape (n_ages, n_pieces)
    """

    def at_ends(values: Floats) -> Floats:
        so_far = np.concatenate([np.zeros_like(values[..., :1]), np.cumsum(values, axis=3)], axis=3)
        return np.take_along_axis(so_far, end_of_step[None, None], axis=3)

    total = taken.sum(axis=1, keepdims=True)
    of_step = np.diff(at_ends(total), axis=3)
    started = at_ends(total)[..., :-1]
    before = np.cumsum(total, axis=3) - total - np.take_along_axis(started, step_of[None, None], axis=3)
    left = np.diff(at_ends(chances_of(taken, axis=1) * np.exp(-before)), axis=3)
    share = np.divide(left, -np.expm1(-of_step), out=np.zeros_like(left), where=of_step > 0)
    return share * of_step


def won_after_entry(stages: Sequence[StageRates], is_won: Flags, n_steps: int) -> Floats:
    """Chance that a deal entering a stage is won within n further steps, for every n.

    Parameters
    ----------
    stages : sequence of StageRates
        One per open stage, by code.
    is_won : ndarray of bool, shape (n_places,)
    n_steps : int

    Returns
    -------
    ndarray of shape (n_draws, n_steps + 1, n_open)
        Row ``n`` counts wins up to the n-th step after the step of entry; row 0 those of the same step.

    Notes
    -----
    With f(u) the chances to move on u steps after entry and o(u) those to be won, the chances w(n) to be won
    exactly n steps after entry solve the renewal equation ``w = o + f * w`` (a convolution over steps). Their
    generating functions solve ``(I - f(z)) w(z) = o(z)``, one small system for each point of a circle inside
    the unit circle; so chains within a step, loops and backward moves need nothing special, and the cost
    grows with ``n_steps log n_steps``. What wraps around the circle is damped to below 1e-12.

    References
    ----------
    .. [1] Howard (1971), *Dynamic Probabilistic Systems*, vol. 2, ch. 10 (semi-Markov processes).
    .. [2] Abate, Whitt (1992), Numerical inversion of probability generating functions, *Operations Research
       Letters* 12(4), 245-251.
    """
    n_open, size = len(stages), int(next_fast_len(3 * (n_steps + 1), real=True))
    damping = _WRAPPED ** (np.arange(n_steps + 1) / size)
    system: dict[tuple[int, int], Complexes] = {}
    wins: list[Complexes] = []
    for code, stage in enumerate(stages):
        leaves = rfft(_leaving_after_entry(stage, n_steps) * damping, size)
        system[code, code] = np.ones((len(leaves), leaves.shape[2]), dtype=complex)
        for exit_, place in enumerate(stage.places):
            if place < n_open:
                system[code, int(place)] = system.get((code, int(place)), 0.0) - leaves[:, exit_]
        wins.append(leaves[:, is_won[stage.places]].sum(axis=1))
    by_step = irfft(np.stack(_solved(system, wins), axis=1), size)[..., : n_steps + 1] / damping
    return np.ascontiguousarray(np.cumsum(np.maximum(by_step, 0.0), axis=2).swapaxes(1, 2))


def _leaving_after_entry(stage: StageRates, n_steps: int) -> Floats:
    """Chance to leave to each place 0..n_steps steps after entry, shape (n_draws, n_exits, n_steps + 1)."""
    same = stage.same_step[:, :, None]
    later = stage.leaving(np.zeros(1, np.int64), n_steps)[:, :, 0]
    return np.concatenate([same, (1.0 - same.sum(axis=1, keepdims=True)) * later], axis=2)


def _solved(system: dict[tuple[int, int], Complexes], right: list[Complexes]) -> list[Complexes]:
    """Solve many small systems at once by elimination; absent entries are zero.

    No pivoting is needed: inside the unit circle the chances of a row add to less than the one on its
    diagonal.
    """
    n = len(right)
    for k in range(n):
        ahead = [j for j in range(k + 1, n) if (k, j) in system]
        for i in range(k + 1, n):
            if (i, k) in system:
                factor = system[i, k] / system[k, k]
                right[i] = right[i] - factor * right[k]
                for j in ahead:
                    system[i, j] = system.get((i, j), 0.0) - factor * system[k, j]
    for k in reversed(range(n)):
        known = sum(system[k, j] * right[j] for j in range(k + 1, n) if (k, j) in system)
        right[k] = (right[k] - known) / system[k, k]
    return right


def won_from_age(stage: StageRates, ages: Ints, after_entry: Floats, is_won: Flags, horizons: Ints) -> Floats:
    """Chance that open deals of a stage are won within each horizon, given their age in the stage.

    Parameters
    ----------
    stage : StageRates
    ages : ndarray of int, shape (n_ages,)
        Steps in stage at the cutoff, that step included without an exit.
    after_entry : ndarray of shape (n_draws, n_steps + 1, n_open)
        From :func:`won_after_entry`.
    is_won : ndarray of bool, shape (n_places,)
    horizons : ndarray of int, shape (n_horizons,)
        Steps after the cutoff, each at most ``n_steps``.

    Returns
    -------
    ndarray of shape (n_draws, n_ages, n_horizons)
    """
    n_open, ages = after_entry.shape[2], np.minimum(ages, stage.tail_age)
    won = np.zeros((len(after_entry), len(ages), len(horizons)))
    ahead = np.flatnonzero(horizons > 0)
    if not len(ahead) or not len(ages):
        return won
    longest = int(horizons.max())
    helps = np.flatnonzero(is_won[stage.places] | (stage.places < n_open))
    value = np.zeros((len(after_entry), len(helps), longest, len(ahead)))
    for i, horizon in enumerate(horizons[ahead]):
        steps_left = horizon - np.arange(1, horizon + 1)
        for k, place in enumerate(stage.places[helps]):
            value[:, k, :horizon, i] = 1.0 if is_won[place] else after_entry[:, steps_left, place]
    values = value.reshape(len(value), -1, len(ahead))
    survival, leaves = stage.by_age(int(ages.max()) + longest + 1)
    so_far = survival[:, ages]
    pace = float(stage.speed[0]) if len(stage.speed) else 1.0
    is_joint = bool((stage.speed == pace).all()) and so_far.min() >= _LEAST_SURVIVAL
    if is_joint and pace != 1.0:
        won[:, :, ahead] = _won_at_pace(stage, pace, ages, value, helps) / so_far[:, :, None]
        return won
    if not is_joint:
        leaving = stage.leaving(ages, longest)[:, helps].swapaxes(1, 2)
        won[:, :, ahead] = leaving.reshape(len(won), len(ages), -1) @ values
        return won
    # At the old pace every age reads a window of one and the same curve, divided by its survival so far.
    windows = np.lib.stride_tricks.sliding_window_view(leaves[:, helps], longest, axis=2)
    for draw, of_draw in enumerate(windows):
        window = of_draw[:, ages + 1].swapaxes(0, 1).reshape(len(ages), -1)
        won[draw][:, ahead] = (window @ values[draw]) / so_far[draw][:, None]
    return won


def _won_at_pace(stage: StageRates, pace: float, ages: Ints, value: Floats, helps: Ints) -> Floats:
    """What leaving is worth, times the survival so far, where all causes run at one other pace.

    Parameters
    ----------
    stage : StageRates
    pace : float
        The u-th step from the cutoff covers the ages from ``a + (u - 1) pace`` to ``a + u pace``.
    ages : ndarray of int, shape (n_ages,)
    value : ndarray of shape (n_draws, n_helps, n_steps, n_ahead)
        Worth of leaving to each place in each step.
    helps : ndarray of int, shape (n_helps,)
        Exits that are worth something.

    Returns
    -------
    ndarray of shape (n_draws, n_ages, n_ahead)

    Notes
    -----
    Every age reads one curve: the chance H(x) to leave after age x. With H_u = H(a + u pace) the sum of
    ``(H_(u-1) - H_u) value_u`` is, by parts, ``H_0 value_1`` plus the sum of ``H_u (value_(u+1) - value_u)``.
    H is summed from its end, so that it keeps its digits at ages that few deals reach. Between whole ages the
    rates are those of the age that follows, as :meth:`StageRates.step_rates` has them.
    """
    n_steps = value.shape[2]
    reach = np.arange(n_steps + 1) * pace
    whole = np.floor(reach).astype(np.int64)
    parts = np.round(reach - whole, 12)  # at a pace of 1.1 ten of them come again and again
    n_ages = int(ages.max()) + int(whole[-1]) + 2
    survival, leaves = stage.by_age(n_ages)
    leaves = leaves[:, helps]
    later = np.cumsum(leaves[:, :, ::-1], axis=2)[:, :, ::-1] - leaves  # after each whole age
    # Who leaves within part of a step depends on the bin of the age that follows, and not on the age.
    unlike, part_of = np.unique(parts, return_inverse=True)
    within = chances_of(stage.rates[:, None] * unlike[:, None, None], axis=3)[..., helps]
    bin_of = np.searchsorted(stage.first_age, np.arange(1, n_ages), side="right") - 1
    steps = np.concatenate([value, np.zeros_like(value[:, :, :1])], axis=2)
    change = np.diff(np.concatenate([np.zeros_like(value[:, :, :1]), steps], axis=2), axis=2)
    change = change.swapaxes(1, 2).reshape(len(value), -1, value.shape[3])
    worth = np.empty((len(value), len(ages), value.shape[3]))
    reached = ages[:, None] + whole
    for draw in range(len(value)):
        taken = within[draw][part_of, bin_of[reached]] * survival[draw][reached][..., None]
        curve = later[draw].T[reached] - taken
        worth[draw] = curve.reshape(len(ages), -1) @ change[draw]
    return worth
