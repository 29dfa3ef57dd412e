"""Laws of sums on a grid: mass on equal cells given each draw, a few giants apart, and questions to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Complexes = npt.NDArray[np.complex128]

_NOISE = 1e-13  # of the transform
_BISECTIONS = 80
_BESIDE = 8  # cells on each side that tell how smooth the mass is


@lru_cache(maxsize=8)
def _roots_of_unity(n: int) -> Complexes:
    """``exp(-2 pi i k / n)`` for k from 0 to n - 1."""
    roots = np.exp(-2j * np.pi / n * np.arange(n))
    roots.setflags(write=False)
    return roots


@dataclass(frozen=True)
class Grid:
    """Equal cells from 0 on.

    Parameters
    ----------
    step : float
        Width of a cell.
    n_cells : int
    is_lattice : bool
        Whether all amounts are whole multiples of the step.
    """

    step: float
    n_cells: int
    is_lattice: bool

    @classmethod
    def covering(cls, span: float, n_cells: int, unit: float | None) -> Grid:
        """A grid at least as long as `span`; in steps of `unit` if there is one."""
        if unit is None:
            return cls(max(span, 1e-300) / n_cells, n_cells, is_lattice=False)
        return cls(unit, max(1 << int(np.ceil(np.log2(span / unit + 2))), 64), is_lattice=True)

    def split(self, amount: Floats) -> tuple[Ints, Floats]:
        """Cell below each amount, and the share of its mass that goes to the next one."""
        at = amount / self.step
        cell = np.floor(at + 1e-9)
        return cell.astype(np.int64), np.clip(at - cell, 0.0, 1.0)

    def wave(self, cell: npt.NDArray[np.int64] | np.int64, frequency: Ints) -> Complexes:
        """``exp(-2 pi i cell frequency / n_cells)``."""
        turn = (cell * frequency) % self.n_cells
        return np.asarray(_roots_of_unity(self.n_cells)[turn])  # a fifth of the time of as many exponentials


@dataclass(frozen=True, eq=False)
class GridLaw:
    """Law of a sum given each draw: a sum on a grid plus independent giants.

    Parameters
    ----------
    grid : Grid
    mass : ndarray of shape (n_draws, n_cells)
    none : ndarray of shape (n_draws,)
        Chance that the part on the grid is exactly 0.
    giant_amount : ndarray of shape (n_giants,)
    giant_chance : ndarray of shape (n_draws, n_giants)
    added : tuple of ndarray of shape (n_draws,)
        Variance, third and (at most) fourth cumulant, in cells, that the grid has added to the sum.
    """

    grid: Grid
    mass: Floats
    none: Floats
    giant_amount: Floats
    giant_chance: Floats
    added: tuple[Floats, Floats, Floats]

    @cached_property
    def _shifts(self) -> tuple[Floats, Floats]:
        """Sums of the giants won, and the chance of each by draw: shapes (n_sums,), (n_draws, n_sums)."""
        sums, chance = np.zeros(1), np.ones((len(self.mass), 1))
        for amount, won in zip(self.giant_amount, self.giant_chance.T, strict=True):
            sums = np.concatenate([sums, sums + amount])
            chance = np.concatenate([chance * (1 - won[:, None]), chance * won[:, None]], axis=1)
        return sums, chance

    @cached_property
    def _below(self) -> Floats:
        """Mass below each cell, shape (n_draws, n_cells + 1)."""
        return _mass_below(self.mass)

    def chance_by_draw(self, amount: float) -> Floats:
        """Chance that the sum reaches `amount` given each draw, shape (n_draws,)."""
        sums, chance = self._shifts
        amount -= _slack(amount)
        every = np.ones(len(self.mass))
        tails = [self._tail(amount - won, self._below, self.none, every) for won in sums.tolist()]
        return np.asarray(np.einsum("ib,bi->b", np.array(tails), chance))

    def mean_of(self, worth: Callable[[Floats], Floats]) -> Floats:
        """Expected worth of the sum given each draw, shape (n_draws,); exact where it is linear in a cell."""
        sums, chance = self._shifts
        cells = self.grid.step * np.arange(self.grid.n_cells)
        by_sum = np.stack([self.mass @ worth(cells + won) for won in sums.tolist()])
        return np.asarray(np.einsum("ib,bi->b", by_sum, chance))

    def reaching(self, amount: float) -> Floats:
        """Weights of the cells whose scalar product with the mass is the chance of reaching `amount`.

        Returns
        -------
        ndarray of shape (n_draws, n_cells)
            The same as :meth:`chance_by_draw`, but for what lies within half a cell of nothing.
        """
        sums, chance = self._shifts
        weights = np.zeros((len(sums), self.grid.n_cells))
        for row, won in zip(weights, sums.tolist(), strict=True):
            at = (amount - _slack(amount) - won) / self.grid.step
            if at <= 0:
                row[:] = 1.0
            elif self.grid.is_lattice:
                row[int(min(np.ceil(at), self.grid.n_cells)) :] = 1.0
            else:
                cell = int(min(at + 0.5, self.grid.n_cells - 1))
                row[cell + 1 :] = 1.0
                row[cell] = max(cell + 0.5 - at, 0.0) if cell else 0.0
        return np.asarray(chance @ weights)

    def _tail(self, amount: float, below: Floats, none: Floats, total: Floats) -> Floats:
        """Mass of the part on the grid that reaches an amount, of `total` in all; a number for each row."""
        at = amount / self.grid.step
        if at <= 0:
            return total
        if self.grid.is_lattice:
            return np.maximum(total - below[:, min(int(np.ceil(at)), self.grid.n_cells)], 0.0)
        # Cells stand for what lies half a step around them; the chance of exactly nothing stays at 0.
        if at < 0.5:
            return np.maximum(total - none - np.maximum(below[:, 1] - none, 0.0) * 2.0 * at, 0.0)
        cell = min(int(at + 0.5), self.grid.n_cells - 1)
        inside = min(at + 0.5 - cell, 1.0) * (below[:, cell + 1] - below[:, cell])
        return np.maximum(total - below[:, cell] - inside, 0.0)

    def quantile(self, chance: Floats) -> Floats:
        """Smallest amount that the sum, mixed over draws, exceeds with at most each chance of the rest."""
        sums, weight = self._shifts
        of_sum, none = weight.mean(axis=0), weight.T @ self.none / len(weight)
        below = _mass_below(weight.T @ self.mass / len(weight))

        def exceeds(amount: Floats) -> Floats:
            more = amount + 1e-9 * np.maximum(np.abs(amount), 1.0)  # the slack of each
            tails = np.zeros(len(more))
            for i, won in enumerate(sums.tolist()):
                tails += self._tails(more - won, below[i], float(none[i]), float(of_sum[i]))
            return tails

        wanted = np.asarray(chance, dtype=float)
        tail = 1.0 - wanted.ravel() + _NOISE
        low = np.zeros(len(tail))
        high = np.full(len(tail), float(sums[-1]) + self.grid.step * self.grid.n_cells)
        is_nothing = exceeds(low) <= tail
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            is_above = exceeds(middle) <= tail
            low, high = np.where(is_above, low, middle), np.where(is_above, middle, high)
        found = [self._nearest(amount) for amount in high.tolist()]
        return np.where(is_nothing, 0.0, np.array(found)).reshape(wanted.shape)

    def _tails(self, amount: Floats, below: Floats, none: float, total: float) -> Floats:
        """The same as :meth:`_tail` for many amounts and one row."""
        at = amount / self.grid.step
        if self.grid.is_lattice:
            cell = np.clip(np.ceil(at), 0, self.grid.n_cells).astype(np.int64)
            return np.where(at <= 0, total, np.maximum(total - below[cell], 0.0))
        cell = np.clip(at + 0.5, 0, self.grid.n_cells - 1).astype(np.int64)
        inside = np.minimum(at + 0.5 - cell, 1.0) * (below[cell + 1] - below[cell])
        near = np.maximum(total - none - max(below[1] - none, 0.0) * 2.0 * at, 0.0)
        tail = np.where(at < 0.5, near, np.maximum(total - below[cell] - inside, 0.0))
        return np.where(at <= 0, total, tail)

    def _nearest(self, amount: float) -> float:
        """On a lattice the sum that lies nearest: bisection stops a hair beside it."""
        if not self.grid.is_lattice:
            return amount
        sums = self._shifts[0]
        cells = np.maximum(np.round((amount - sums) / self.grid.step), 0.0)
        possible = sums + cells * self.grid.step
        return float(possible[np.argmin(np.abs(possible - amount))])

    def error_by_draw(self, amount: float) -> Floats:
        """What the grid may add to, or take from, the chance of reaching `amount`; shape (n_draws,).

        Splitting amounts on cells moves a chance by the added cumulants over 2!, 3! and 4! times the slope,
        the bend and the third difference of the mass (Edgeworth); and what lies within a cell is spread
        evenly. On a lattice only the noise of the transform is left.
        """
        error = np.full(len(self.mass), _NOISE)
        if self.grid.is_lattice:
            return error
        sums, chance = self._shifts
        for won, of_sum in zip(sums.tolist(), chance.T, strict=True):
            cell = int(np.clip((amount - won) / self.grid.step, _BESIDE, self.grid.n_cells - 1 - _BESIDE))
            near = self.mass[:, cell - _BESIDE : cell + _BESIDE + 1]
            slope, bend, third = (np.abs(np.diff(near, n, axis=1)).max(axis=1) for n in (1, 2, 3))
            widened, skewed, peaked = (np.abs(cumulant) for cumulant in self.added)
            error += of_sum * (widened / 2 * slope + (skewed / 6 + 1) * bend + peaked / 24 * third)
        return error


def _mass_below(mass: Floats) -> Floats:
    return np.concatenate([np.zeros((len(mass), 1)), np.cumsum(mass, axis=1)], axis=1)


def _slack(amount: float) -> float:
    """What sums of decimals may lose to rounding."""
    return 1e-9 * max(abs(amount), 1.0)
