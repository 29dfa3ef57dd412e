"""Paths of single futures: wins and bookings step by step, for pictures, ramps and setbacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.engines.montecarlo import MonteCarlo
from funnelsim.engines.protocol import EngineError
from funnelsim.engines.run import forecast
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.shock import ShockByPeriod
from funnelsim.nouns.table import told
from funnelsim.vocabulary.display import Shown
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.pipeline import Pipeline

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FuturePaths(Shown):
    """What each of some futures has won by the end of each of many short periods.

    Parameters
    ----------
    by : ndarray of datetime64, shape (n_points,)
        Moments, each the end of a short period; the ends of the periods asked for are among them.
    wins : ndarray of shape (n_futures, n_points)
        Won since the first period began, what was realised before the cutoff included; never falls.
    bookings : ndarray of shape (n_futures, n_points)
        The same in money; without amounts it has no rows.
    draw : ndarray of int, shape (n_futures,)
        Draw of the parameters that each future belongs to.
    unit : str
    seed : int
    """

    by: npt.NDArray[np.datetime64]
    wins: Floats
    bookings: Floats
    draw: npt.NDArray[np.int64]
    unit: str
    seed: int

    def __repr__(self) -> str:
        first, last = (np.datetime_as_string(moment, unit="D") for moment in self.by[[0, -1]])
        return f"FuturePaths({len(self.wins):,} futures, {len(self.by):,} moments from {first} to {last})"

    def _column_units(self) -> Mapping[str, str]:
        return {"bookings": self.unit}

    def table(self) -> pd.DataFrame:
        """One row a future and moment.

        Returns
        -------
        DataFrame
            Numbers of the ``future`` and of its ``draw`` of the parameters; ``by``: the moment; ``wins``
            until then, and, where amounts are known, ``bookings`` in the unit of the funnel.
        """
        n_futures, n_points = self.wins.shape
        columns = {
            "future": np.repeat(np.arange(n_futures), n_points),
            "draw": np.repeat(self.draw, n_points),
            "by": np.tile(self.by, n_futures),
            "wins": self.wins.ravel(),
        }
        if len(self.bookings):
            columns["bookings"] = self.bookings.ravel()
        return told(pd.DataFrame(columns), self._column_units())


@checked
def future_paths(
    funnel: Funnel,
    pipeline: Pipeline,
    *,
    periods: str | Sequence[object] = "4Q",
    every_steps: int = 7,
    fiscal_start_month: int = 1,
    engine: MonteCarlo | None = None,
    seed: int | np.random.Generator | None = 0,
) -> FuturePaths:
    """Futures on their way: what is won by the end of every few steps, jointly over all of them.

    Parameters
    ----------
    funnel : Funnel
    pipeline : Pipeline
    periods : str or sequence of dates
        As in :func:`funnelsim.forecast`; the paths begin with the first and end with the last.
    every_steps : int
        Steps of the clock between two points; 7 is a week of days.
    fiscal_start_month : int
    engine : MonteCarlo, optional
        How many futures, of how many draws: by default 200 of 50.
    seed : int, Generator or None

    Returns
    -------
    FuturePaths

    Raises
    ------
    EngineError
        If `every_steps` is below 1, or the engine has no fixed number of futures (`until_se`).
    PeriodsError, ClockError, SeedError
        As :func:`funnelsim.forecast` raises them.

    Notes
    -----
    The short periods are those of one joint forecast, so at the end of each period asked for the paths have
    the law that a forecast of these periods has. With the same engine and seed the open deals that are won by
    then are even the same, future by future; deals yet to arrive are others of the same law.

    Examples
    --------
    >>> import funnelsim as fs
    >>> history = fs.simulate_history(seed=1)
    >>> paths = fs.future_paths(fs.fit(history), history.pipeline(), periods="1Q")
    >>> paths.bookings.shape[0], bool((np.diff(paths.wins, axis=1) >= 0).all())
    (200, True)
    """
    chosen = MonteCarlo(n_futures=200, n_draws=50) if engine is None else engine
    if every_steps < 1 or not isinstance(chosen, MonteCarlo) or chosen.until_se is not None:
        raise EngineError(
            f"paths need every_steps={every_steps} of at least 1 and a MonteCarlo engine without until_se; "
            "give MonteCarlo(n_futures=..., n_draws=...)"
        )
    wanted = Periods.parse(
        periods, pipeline.clock, pipeline.cutoff_step, fiscal_start_month=fiscal_start_month
    )
    ahead = np.arange(max(pipeline.cutoff_step + 1, wanted.edges[0]), wanted.edges[-1], every_steps)[1:]
    edges = np.unique(np.concatenate([wanted.edges, ahead]))
    moments = pipeline.clock.start_of(edges)
    if funnel.shock is not None:  # by the periods asked for, not anew at every step
        funnel = funnel.with_shock(ShockByPeriod.of(funnel.shock, wanted.steps_ahead))
    outlook = forecast(funnel, pipeline, periods=moments.tolist(), engine=chosen, seed=seed)
    wins = np.cumsum(outlook.draws("wins"), axis=1)
    has_money = outlook.outcome.has_amounts
    bookings = np.cumsum(outlook.draws("bookings"), axis=1) if has_money else np.empty((0, wins.shape[1]))
    draw = np.repeat(np.arange(chosen.n_draws), chosen.futures_per_draw)
    return FuturePaths(moments[1:], wins, bookings, draw, funnel.unit, outlook.seed)
