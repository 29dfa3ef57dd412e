"""What splitting amounts on two cells does to a sum, and how most of that is undone.

An amount that lies a share u above a cell is put on that cell and the next, with chances 1 - u and u. Its
mean stays, its variance grows by v = u (1 - u) squared cells, its third cumulant by v (1 - 2 u) and, as it is
won or not, by at most 3 v for each cell of the amount; its fourth, that apart, by v (1 - 6 v).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft

from funnelsim.numerics.grid_law import Grid
from funnelsim.numerics.portfolio import Portfolio

Floats = npt.NDArray[np.float64]
Complexes = npt.NDArray[np.complex128]

_MOST_SHARPENING = 9.0  # as a logarithm: noise of 1e-16 grows by as much
_MOST_BELOW_NOTHING = 1e-9  # of the mass, where sharpening went too far


@dataclass(frozen=True, eq=False)
class SplittingError:
    """What splitting adds to the moments of a sum, in cells; shape (n_draws,) each.

    Parameters
    ----------
    variance : ndarray
    third, fourth : ndarray
        Third and fourth cumulant, the fourth as a bound.
    """

    variance: Floats
    third: Floats
    fourth: Floats

    @property
    def cumulants(self) -> tuple[Floats, Floats, Floats]:
        """The three, in order."""
        return self.variance, self.third, self.fourth


def splitting_error(portfolio: Portfolio, grid: Grid) -> SplittingError:
    """What splitting adds to the cumulants of a sum given each draw."""
    lumps, new = portfolio.lumps, portfolio.arriving
    variance, third = _of_wins(lumps.chance * lumps.count, _added(lumps.amount, grid))
    expected = new.expected.sum(axis=1)
    of_prize = new.prizes.shares @ _added(new.prizes.points, grid)
    swing = 3.0 * new.dispersion * (new.expected**2).sum(axis=1) * new.prizes.moment(1) / grid.step
    variance += expected * of_prize[:, 0]
    third += expected * of_prize[:, 1] + swing * of_prize[:, 0]
    for some in portfolio.unsure:
        for factor in np.unique(some.factor).tolist():
            alike = some.factor == factor
            wins = some.chance[:, alike] @ some.count[alike]
            of_points = some.prizes.shares @ _added(factor * some.prizes.points, grid)
            variance += wins * of_points[:, 0]
            third += wins * of_points[:, 1]
    return SplittingError(variance, third, variance)


def _of_wins(wins: Floats, added: Floats) -> tuple[Floats, Floats]:
    return wins @ added[:, 0], wins @ added[:, 1]


def _added(amount: Floats, grid: Grid) -> Floats:
    """What a win of each amount adds to the variance and (at most) the third cumulant, shape (n, 2)."""
    _, upper = grid.split(amount)
    variance = upper * (1.0 - upper)
    return np.stack([variance, variance * (1.0 - 2.0 * upper + 3.0 * amount / grid.step)], axis=1)


def sharpened(phi: Complexes, error: SplittingError, grid: Grid) -> tuple[Floats, SplittingError]:
    """Mass on the cells, the added variance taken out where the law is smooth enough for it.

    Parameters
    ----------
    phi : ndarray of complex, shape (n_draws, n_frequencies)
        Characteristic function of the split sum.
    error : SplittingError
    grid : Grid

    Returns
    -------
    mass : ndarray of shape (n_draws, n_cells)
    left : SplittingError
        What is left of the error.

    Notes
    -----
    A factor ``exp(v (1 - cos w))`` lowers the variance, and the fourth cumulant, by v. It never makes a sum
    of split amounts larger than 1 in magnitude: with c = cos(w / 2) the logarithm of a part halfway between
    cells is at most ``p (c - 1 + (1 - c * c) / 2) = -p (1 - c)**2 / 2``. Where single amounts stand out, or
    most are smaller than a cell, it would leave negative mass; such draws stay as they are.
    """
    turn = 1.0 - np.cos(2.0 * np.pi / grid.n_cells * np.arange(phi.shape[1]))
    sharper = np.zeros_like(phi)
    active = np.flatnonzero(phi.any(axis=0))
    more = error.variance[:, None] * turn[active]
    clear = more < _MOST_SHARPENING
    sharper[:, active] = np.where(clear, phi[:, active] * np.exp(np.where(clear, more, 0.0)), 0.0)
    mass = irfft(sharper, n=grid.n_cells, axis=1)
    rough = -np.minimum(mass, 0.0).sum(axis=1) > _MOST_BELOW_NOTHING
    mass[rough] = irfft(phi[rough], n=grid.n_cells, axis=1)
    left = np.where(rough, error.variance, 0.0)
    return np.maximum(mass, 0.0), SplittingError(
        left, error.third, np.where(rough, 1.0, 1.5) * error.variance
    )
