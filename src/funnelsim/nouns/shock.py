"""Shock: what moves all business still to be won together, beyond chance, parameters and levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from funnelsim.numerics.shared_shock import PRIOR_CORRELATION, PRIOR_VARIANCE
from funnelsim.numerics.strata import Stratum
from funnelsim.vocabulary.clock import Clock, Step
from funnelsim.vocabulary.errors import FunnelsimError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_QUARTER: dict[Step, int] = {"hour": 2184, "day": 91, "week": 13, "month": 3}  # in steps


class ShockError(FunnelsimError):
    """A shock whose numbers make no law."""


@dataclass(frozen=True)
class Shock:
    """Common factors on what is still to be won: Gamma of mean 1 by period, joined by a Gaussian copula.

    Parameters
    ----------
    variances : tuple of float
        Variance of the factor of the first, second, ... period after the cutoff; the last serves all later
        ones.
    correlation : float
        Of the normal variables behind the factors of any two periods, 0 to 1.
    period_steps : int, optional
        Length of those periods in steps of the clock; None: the periods of the forecast, whichever they are.
    n_origins : int
        Past origins it was measured at; 0: it is the prior.

    Raises
    ------
    ShockError
        If a variance is negative, the correlation outside 0..1, or a length not positive.
    """

    variances: tuple[float, ...] = (PRIOR_VARIANCE,)
    correlation: float = PRIOR_CORRELATION
    period_steps: int | None = None
    n_origins: int = 0

    def __post_init__(self) -> None:
        finite = all(np.isfinite(variance) and variance >= 0 for variance in self.variances)
        if not self.variances or not finite:
            raise ShockError(f"variances={self.variances!r} must be one or more numbers of 0 or more")
        if not 0.0 <= self.correlation <= 1.0:
            raise ShockError(f"correlation={self.correlation!r} must lie within 0..1")
        if self.period_steps is not None and self.period_steps < 1:
            raise ShockError(f"period_steps={self.period_steps!r} must be 1 or more")

    @classmethod
    def prior(cls, clock: Clock) -> Shock:
        """What is taken until it is measured, by quarters from the cutoff on.

        Of a length of its own, so that a chance does not depend on the periods its window is cut into.
        """
        return cls(period_steps=_QUARTER[clock.step])

    def factors(self, source: Stratum, steps_ahead: Ints) -> Floats:
        """Factor of each period of a forecast in one draw, shape (n_periods,).

        Parameters
        ----------
        source : Stratum
        steps_ahead : ndarray of int, shape (n_periods + 1,)
            Steps after the cutoff at which each period ends, from 0 on.
        """
        if self.period_steps is None:
            return self._drawn(source, len(steps_ahead) - 1)
        n_steps = int(steps_ahead[-1])
        by_period = self._drawn(source, -(-n_steps // self.period_steps))
        until = np.append(0.0, np.cumsum(np.repeat(by_period, self.period_steps)[:n_steps]))
        return np.asarray(np.diff(until[steps_ahead]) / np.diff(steps_ahead))

    def _drawn(self, source: Stratum, n: int) -> Floats:
        variances = np.array(self.variances)[np.minimum(np.arange(n), len(self.variances) - 1)]
        common, own = special.ndtri(source.uniform(())), special.ndtri(source.uniform((n,)))
        chance = special.ndtr(np.sqrt(self.correlation) * common + np.sqrt(1.0 - self.correlation) * own)
        moves = variances > 0
        safe = np.where(moves, variances, 1.0)
        return np.where(moves, special.gammaincinv(1.0 / safe, chance) * safe, 1.0)

    def in_words(self) -> str:
        """What it is and where it comes from, in one sentence."""
        if not any(self.variances):
            return "no shared shock: ranges hold chance, parameters and levels only"
        sd = 100 * np.sqrt(self.variances[0])
        source = (
            f"measured at {self.n_origins} past origins"
            if self.n_origins
            else "a prior: calibrate(history, funnel) measures it"
        )
        return (
            f"all business still to be won is taken to move together by about {sd:.0f} % (one standard "
            f"deviation of the first period's shared shock, {source})"
        )


@dataclass(frozen=True)
class ShockByPeriod(Shock):
    """A shock whose periods end at given steps, into however short ones it is then cut: for paths.

    Parameters
    ----------
    variances, correlation, period_steps, n_origins
        As of :class:`Shock`.
    ends : tuple of int
        Steps after the cutoff at which the periods end.
    """

    ends: tuple[int, ...] = ()

    @classmethod
    def of(cls, shock: Shock, steps_ahead: Ints) -> ShockByPeriod:
        """A shock laid out over periods that end at steps after the cutoff, from 0 on."""
        ends = tuple(steps_ahead[1:].tolist())
        return cls(shock.variances, shock.correlation, shock.period_steps, shock.n_origins, ends)

    def factors(self, source: Stratum, steps_ahead: Ints) -> Floats:
        """Factor of each short period in one draw: those of the periods they lie in."""
        edges = np.array((0, *self.ends), dtype=np.int64)
        by_step = np.repeat(super().factors(source, edges), np.diff(edges))
        until = np.append(0.0, np.cumsum(by_step))
        return np.asarray(np.diff(until[steps_ahead]) / np.diff(steps_ahead))
