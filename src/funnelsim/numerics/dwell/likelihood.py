"""Likelihoods of stays: exact times, or whole steps; with right censoring and delayed entry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from funnelsim.numerics.dwell.distribution import Dwell, Floats, Start, Terms
from funnelsim.numerics.dwell.never_leaves import NeverLeaves
from funnelsim.vocabulary.errors import FunnelsimError


class DwellDataError(FunnelsimError):
    """Stays that no dwell can be fitted to; the message says which and why."""


@dataclass(frozen=True, eq=False)
class _Watched:
    """Ages survived: those reached count for, those stays were already at when first seen count against."""

    age: Floats  # positive, distinct
    count: Floats

    @classmethod
    def of(cls, survived: Floats, entry: Floats) -> _Watched:
        ages, place = np.unique(np.concatenate([survived, entry]), return_inverse=True)
        signs = np.repeat([1.0, -1.0], [len(survived), len(entry)])
        count = np.bincount(place, weights=signs, minlength=len(ages))
        keep = (ages > 0) & (count != 0)
        return cls(ages[keep], count[keep])

    def log_likelihood(self, family: type[Dwell], theta: Floats, never_leaves: bool) -> tuple[float, Floats]:
        if len(self.age) == 0:
            return 0.0, np.zeros(len(theta))
        n_family = len(theta) - never_leaves
        terms = family.log_survival_terms(theta[:n_family], np.log(self.age))
        if never_leaves:
            terms = _with_stayers(terms, float(theta[-1]))
        return float(self.count @ terms.value), terms.gradient @ self.count


def _with_stayers(terms: Terms, logit_share: float) -> Terms:
    """``log(share + (1 - share) S0)``; its slope weighs S0's by the chance of being one who leaves."""
    log_leaver = terms.value - np.logaddexp(0.0, logit_share)
    value = np.logaddexp(-np.logaddexp(0.0, -logit_share), log_leaver)
    is_leaver = np.exp(log_leaver - value)
    by_logit = special.expit(-logit_share) - is_leaver
    return Terms(value, np.vstack([terms.gradient * is_leaver, by_logit]))


@dataclass(frozen=True, eq=False)
class Stays(ABC):
    """Checked stays with ties gathered, and their likelihood; made by ``ExactTimes.of`` or ``WholeSteps.of``.

    Parameters
    ----------
    n, n_exits : int
        Stays, and those among them that ended.
    exposure : float
        Ages under observation, summed.
    exit_age, exit_count : ndarray of shape (n_distinct,)
        Distinct ages at exit, increasing, and how many stays left at each.
    watched : object
        Ages survived by stays still open, and ages at which stays came under observation.
    """

    n: int
    n_exits: int
    exposure: float
    exit_age: Floats
    exit_count: Floats
    watched: _Watched

    @abstractmethod
    def exit_log_likelihood(self, family: type[Dwell], theta: Floats) -> tuple[float, Floats]:
        """What the exits say of those who leave: value and gradient by the family's parameters."""

    @abstractmethod
    def start(self) -> Start:
        """Mean and spread of the log exit ages, to begin a search from."""

    def log_likelihood(self, dwell: Dwell | NeverLeaves) -> float:
        """Log-likelihood of the stays under a dwell, fitted or written by hand."""
        if isinstance(dwell, NeverLeaves):
            theta = np.append(dwell.leavers.unconstrained, special.logit(dwell.share))
            return self.value_and_gradient(type(dwell.leavers), theta, never_leaves=True)[0]
        return self.value_and_gradient(type(dwell), dwell.unconstrained, never_leaves=False)[0]

    def value_and_gradient(
        self, family: type[Dwell], theta: Floats, *, never_leaves: bool
    ) -> tuple[float, Floats]:
        """Log-likelihood and its gradient by unconstrained parameters.

        With `never_leaves` the last of `theta` is the logit of the share; every exit is then by one who
        leaves, ``log(1 - share)`` each.
        """
        value, gradient = self.watched.log_likelihood(family, theta, never_leaves)
        n_family = len(theta) - never_leaves
        exit_value, exit_gradient = self.exit_log_likelihood(family, theta[:n_family])
        gradient[:n_family] += exit_gradient
        if never_leaves:
            exit_value -= self.n_exits * float(np.logaddexp(0.0, theta[-1]))
            gradient[-1] -= self.n_exits * special.expit(theta[-1])
        return value + exit_value, gradient


@dataclass(frozen=True, eq=False)
class ExactTimes(Stays):
    """Stays timed exactly: the density at each exit, the survival at each censoring over that at entry.

    A stay is watched over ``(entry, time]``, as in Aalen-Johansen.
    """

    @classmethod
    def of(
        cls, time: npt.ArrayLike, is_exit: npt.ArrayLike, entry: npt.ArrayLike | None = None
    ) -> ExactTimes:
        """Check stays and gather ties.

        Parameters
        ----------
        time : array_like of shape (n_stays,)
            Age at exit or at censoring, >= 0; > 0 at an exit.
        is_exit : array_like of bool, shape (n_stays,)
        entry : array_like of shape (n_stays,), optional
            Age at which each stay came under observation, before `time`.

        Raises
        ------
        DwellDataError
            If lengths differ, an age is negative or not finite, an exit is at age 0, or a stay ends before
            or when it comes under observation.
        """
        ages, exits, entries = _checked(time, is_exit, entry)
        _refuse(
            exits & (ages == 0), "an exact exit time is > 0; use whole_steps=True for ages in steps", ages
        )
        _refuse(
            (entries > 0) & (entries >= ages), "a stay is watched over (entry, time]; entry >= time", ages
        )
        exit_age, exit_count = np.unique(ages[exits], return_counts=True)
        exposure = float((ages - entries).sum())
        watched = _Watched.of(ages[~exits], entries)
        return cls(len(ages), int(exits.sum()), exposure, exit_age, exit_count.astype(float), watched)

    def exit_log_likelihood(self, family: type[Dwell], theta: Floats) -> tuple[float, Floats]:
        """Sum of log densities."""
        terms = family.log_density_terms(theta, np.log(self.exit_age))
        return float(self.exit_count @ terms.value), terms.gradient @ self.exit_count

    def start(self) -> Start:
        """Mean and spread of the log exit ages."""
        return _start(np.log(self.exit_age), self.exit_count)


@dataclass(frozen=True, eq=False)
class WholeSteps(Stays):
    """Stays in whole steps: an exit at age d means ``d <= T < d + 1``.

    A stay open at age c was watched through it: ``T >= c + 1``. One first seen at age e is given
    ``T >= e``; e is the first age watched, so e = d is possible. As `count_ages` counts them.
    """

    @classmethod
    def of(
        cls, time: npt.ArrayLike, is_exit: npt.ArrayLike, entry: npt.ArrayLike | None = None
    ) -> WholeSteps:
        """Check stays and gather ties; all ages are whole numbers >= 0, ``entry <= time``.

        Raises
        ------
        DwellDataError
            If lengths differ, an age is negative, not finite or not whole, or a stay ends before it comes
            under observation.
        """
        ages, exits, entries = _checked(time, is_exit, entry)
        _refuse((ages != np.floor(ages)) | (entries != np.floor(entries)), "steps are whole numbers", ages)
        _refuse(entries > ages, "a stay ended before it came under observation; entry > time", ages)
        exit_age, exit_count = np.unique(ages[exits], return_counts=True)
        exposure = float((ages + np.where(exits, 0.5, 1.0) - entries).sum())
        watched = _Watched.of(ages[~exits] + 1, entries)
        return cls(len(ages), int(exits.sum()), exposure, exit_age, exit_count.astype(float), watched)

    def exit_log_likelihood(self, family: type[Dwell], theta: Floats) -> tuple[float, Floats]:
        """Sum of ``log(S(d) - S(d + 1))``.

        With ``L = log S`` the difference is ``L(d) + log(1 - exp(L(d + 1) - L(d)))``: no cancellation.
        """
        begin = _log_survival_from_zero(family, theta, self.exit_age)
        end = _log_survival_from_zero(family, theta, self.exit_age + 1)
        drop = np.minimum(end.value - begin.value, -1e-300)
        value = float(self.exit_count @ (begin.value + np.log(-np.expm1(drop))))
        with np.errstate(over="ignore"):  # nobody is left at the end of the step: its slope drops out
            slope = begin.gradient + (begin.gradient - end.gradient) / np.expm1(-drop)
        return value, slope @ self.exit_count

    def start(self) -> Start:
        """Mean and spread of the log of the middles of the exit steps."""
        return _start(np.log(self.exit_age + 0.5), self.exit_count)


def _log_survival_from_zero(family: type[Dwell], theta: Floats, age: Floats) -> Terms:
    """Log survival where ages increase and the first may be 0, at which it is 0."""
    n_zeros = int(age[0] == 0) if len(age) else 0
    terms = family.log_survival_terms(theta, np.log(age[n_zeros:]))
    return Terms(np.pad(terms.value, (n_zeros, 0)), np.pad(terms.gradient, ((0, 0), (n_zeros, 0))))


def _start(log_age: Floats, count: Floats) -> Start:
    centre = float(np.average(log_age, weights=count))
    spread = float(np.sqrt(np.average((log_age - centre) ** 2, weights=count)))
    return Start(centre, min(max(spread, 0.05), 3.0))


def _checked(
    time: npt.ArrayLike, is_exit: npt.ArrayLike, entry: npt.ArrayLike | None
) -> tuple[Floats, npt.NDArray[np.bool_], Floats]:
    ages = np.asarray(time, dtype=np.float64)
    exits = np.asarray(is_exit)
    entries = np.zeros_like(ages) if entry is None else np.asarray(entry, dtype=np.float64)
    shapes = [ages.shape, exits.shape, entries.shape]
    if len(set(shapes)) != 1 or ages.ndim != 1 or len(ages) == 0:
        raise DwellDataError(f"time, is_exit and entry need one entry per stay; their shapes are {shapes}")
    _refuse(~(np.isfinite(ages) & (ages >= 0)), "ages must be finite and >= 0", ages)
    _refuse(~(np.isfinite(entries) & (entries >= 0)), "entry ages must be finite and >= 0", entries)
    is_flag = (exits == 0) | (exits == 1)
    _refuse(~is_flag, "is_exit must be true or false (1 or 0)", exits)
    return ages, exits.astype(bool), entries


def _refuse(is_bad: npt.NDArray[np.bool_], reason: str, shown: npt.NDArray[np.generic]) -> None:
    if is_bad.any():
        row = int(np.argmax(is_bad))
        raise DwellDataError(
            f"{reason}; {is_bad.sum()} of {len(is_bad)}, the first is row {row}: {shown[row]}"
        )
