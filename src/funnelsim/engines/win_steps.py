"""When within its period a win falls: chances on finer edges, conditional on the period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from funnelsim.engines.chances import Positions, chances_without_shock
from funnelsim.nouns.funnel import Funnel
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MOST_CELLS = 60  # a year is cut into weeks, a quarter into pairs of days


@dataclass(frozen=True, eq=False)
class WinSteps:
    """Chances to be won by cells of a few steps, which the periods are cut into.

    Within a cell steps count as equally likely, so a win is off by less than a cell (a sixtieth of the
    horizon); none crosses the edge of its period. Of new deals the expected wins tell when, so in blocks
    with more arrivals than expected they come no sooner.

    Parameters
    ----------
    edges : ndarray of int, shape (n_cells + 1,)
        Steps after the cutoff, from 0.
    first_cell : ndarray of int, shape (n_periods + 1,)
        First cell of each period, and the number of cells.
    open_deals : ndarray of shape (n_draws, n_positions, n_cells + 1)
        Chance to be won by each edge.
    new : ndarray of shape (n_draws, 1, n_cells + 1)
        Expected wins of new deals by each edge.
    """

    edges: Ints
    first_cell: Ints
    open_deals: Floats
    new: Floats

    @classmethod
    def of(
        cls,
        funnel: Funnel,
        positions: Positions,
        periods: Periods,
        streams: Streams,
        draws: Sequence[int],
    ) -> WinSteps:
        """For a batch of draws, and periods that begin by the cutoff; without the shared shock.

        The shock moves whole periods, and not what lies within them.
        """
        cells = cells_of(periods)
        chances = chances_without_shock(funnel, positions, cells, streams, draws)
        ahead = cells.steps_ahead
        new = _by_edge(chances.new_wins.sum(axis=1))
        return cls(
            ahead, np.searchsorted(ahead, periods.steps_ahead), _by_edge(chances.open_deals), new[:, None]
        )

    def draw(self, by_edge: Floats, row: Ints, period: Ints, chance: Floats) -> Ints:
        """Steps after the cutoff at which wins of known periods fall.

        Parameters
        ----------
        by_edge : ndarray of shape (n_rows, n_cells + 1)
            ``open_deals`` or ``new`` of one draw.
        row, period : ndarray of int, shape (n_wins,)
        chance : ndarray of shape (n_wins,)
            Uniform numbers: one says in which cell, and what is left of it at which step.

        Returns
        -------
        ndarray of int, shape (n_wins,)
        """
        first, behind = self.first_cell[period], self.first_cell[period + 1]
        low, high = by_edge[row, first], by_edge[row, behind]
        wanted = low + chance * (high - low)
        # All rows in one sorted list: each is scaled to 0..1 and lifted by two.
        whole = np.maximum(by_edge[:, -1], 1e-300)
        lifted = by_edge / whole[:, None] + 2.0 * np.arange(len(by_edge))[:, None]
        found = np.searchsorted(lifted.ravel(), wanted / whole[row] + 2.0 * row, side="right") - 1
        cell = np.clip(found - row * by_edge.shape[1], first, behind - 1)
        inside = by_edge[row, cell + 1] - by_edge[row, cell]
        share = (wanted - by_edge[row, cell]) / np.where(inside > 0, inside, 1.0)
        width = self.edges[cell + 1] - self.edges[cell]
        return self.edges[cell] + np.clip(np.ceil(share * width), 1, width).astype(np.int64)


def cells_of(periods: Periods) -> Periods:
    """The cells that periods are cut into, as periods of their own; none crosses an edge."""
    first, last = periods.cutoff_step + 1, int(periods.edges[-1])
    cell_steps = -(-(last - first) // _MOST_CELLS)
    edges = np.union1d(np.arange(first, last, cell_steps), periods.edges[1:])
    return Periods(edges, tuple(map(str, range(len(edges) - 1))), periods.cutoff_step)


def _by_edge(by_cell: Floats) -> Floats:
    """Sums up to each edge, from 0 on."""
    return np.concatenate([np.zeros_like(by_cell[..., :1]), np.cumsum(by_cell, axis=-1)], axis=-1)
