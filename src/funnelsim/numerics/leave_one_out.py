"""The law of a sum without one of its parts: the chance of a target if a deal is lost, or won."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.fft import rfft

from funnelsim.numerics.grid_law import Grid, GridLaw
from funnelsim.numerics.portfolio import Prizes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Complexes = npt.NDArray[np.complex128]

_TILT = 10.0  # over the whole grid, as a power of e: noise grows by as much
_LEAST_TERM = 1e-13  # of a chance


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """The chance that a sum reaches a target, asked again without each of its deals.

    Parameters
    ----------
    law : GridLaw
        Of the whole sum.
    target : float

    Notes
    -----
    The characteristic function of the others is that of the sum divided by the deal's own factor,
    ``1 - p + p f(z)``, and the chance of the target is one scalar product with it. The factor of a deal of
    one amount has all its zeros outside the unit circle where p is below one half, and inside where it is
    above; so the division is done on a circle a little inside or outside, where it never fails.
    """

    law: GridLaw
    target: float

    def if_lost_and_won(self, chance: Floats, prizes: Prizes) -> tuple[Floats, Floats]:
        """Chance of the target if one deal is lost, and if it is won.

        Parameters
        ----------
        chance : ndarray of shape (n_draws,)
            Of the deal to be won; it is a part of the sum.
        prizes : Prizes
            What it brings then.

        Returns
        -------
        lost, won : ndarray of shape (n_draws,)
        """
        giant = self._giant(chance, prizes)
        if giant is not None:
            amounts, chances = self.law.giant_amount, self.law.giant_chance
            others = replace(
                self.law,
                giant_amount=np.delete(amounts, giant),
                giant_chance=np.delete(chances, giant, axis=1),
            )
            return others.chance_by_draw(self.target), others.chance_by_draw(self.target - amounts[giant])
        likely = chance > 0.5
        lost, won = np.empty_like(chance), np.empty_like(chance)
        for circle, some in ((self._inside, ~likely), (self._outside, likely)):
            if some.any():
                lost[some], won[some] = circle.without(chance[some], prizes, some)
        return np.clip(lost, 0.0, 1.0), np.clip(won, 0.0, 1.0)

    def _giant(self, chance: Floats, prizes: Prizes) -> int | None:
        """Which of the giants, that the grid does not hold, a deal is; of twins either."""
        if len(prizes.points) == 1:
            for giant in np.flatnonzero(self.law.giant_amount == prizes.points[0]).tolist():
                if (self.law.giant_chance[:, giant] == chance).all():
                    return int(giant)
        return None

    @cached_property
    def _inside(self) -> _Circle:
        return _Circle.of(self.law, self.target, _TILT)

    @cached_property
    def _outside(self) -> _Circle:
        return _Circle.of(self.law, self.target, -_TILT)


@dataclass(frozen=True, eq=False)
class _Circle:
    """A sum and a target on one circle: what a deal's own factor is divided out of.

    Parameters
    ----------
    grid : Grid
    tilt : float
        The circle's radius is ``exp(-tilt)`` for each cell.
    active : ndarray of int, shape (n_active,)
        Frequencies that add to the chance.
    kernel : ndarray of complex, shape (n_draws, n_active)
        Its real part adds up to the chance of the target.
    """

    grid: Grid
    tilt: float
    active: Ints
    kernel: Complexes

    @classmethod
    def of(cls, law: GridLaw, target: float, tilt: float) -> _Circle:
        n_cells = law.grid.n_cells
        weight = np.exp(-tilt / n_cells * np.arange(n_cells))
        phi = rfft(law.mass * weight, axis=1)
        kernel: Complexes = np.asarray(
            phi * rfft(law.reaching(target) / weight, axis=1).conj() / n_cells, dtype=complex
        )
        kernel[:, 1 : (n_cells + 1) // 2] *= 2.0  # the other half of the circle mirrors it
        active = np.flatnonzero((np.abs(kernel) > _LEAST_TERM).any(axis=0))
        return cls(law.grid, tilt / n_cells, active, kernel[:, active])

    def without(self, chance: Floats, prizes: Prizes, draws: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Chance of the target if a deal is lost, and if it is won; for some of the draws."""
        factor = self._transform(prizes, draws)
        others = self.kernel[draws] / (1.0 + chance[:, None] * (factor - 1.0))
        return others.real.sum(axis=1), (others * factor).real.sum(axis=1)

    def _transform(self, prizes: Prizes, draws: npt.NDArray[np.bool_]) -> Complexes:
        """Transform of what a deal brings; one row for all draws where it brings a single amount."""
        cell, upper = self.grid.split(prizes.points)
        low = np.exp(-self.tilt * cell) * self.grid.wave(cell, self.active[:, None])
        next_cell = np.exp(-self.tilt) * self.grid.wave(np.int64(1), self.active[:, None])
        waves = low * (1.0 + upper * (next_cell - 1.0))
        return np.asarray(waves.T if len(cell) == 1 else prizes.shares[draws] @ waves.T)
