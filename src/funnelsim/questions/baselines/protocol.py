"""What every rival is: a method in use today, asked for joint samples of the periods to come."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from funnelsim.nouns.history import DealHistory
from funnelsim.vocabulary.errors import FunnelsimError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Measure = Literal["bookings", "wins"]


class RivalError(FunnelsimError):
    """A rival that cannot answer: too little history, nothing to learn from, or an extra not installed."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Totals drawn jointly over the periods: a row is one future, so sums over periods have a meaning.

    Parameters
    ----------
    total : ndarray of shape (n_samples, n_periods)
        Wins or bookings of each period: of deals open at the origin, and of deals that arrive later.
    open_deals : ndarray of shape (n_samples, n_periods), optional
        The part of the deals open at the origin, in the same futures; None where the method cannot tell.
    deal_chance : ndarray of shape (n_open_deals,), optional
        Chance that each deal of the pipeline, in its order, is won within all periods; None if the method
        has none.

    Raises
    ------
    RivalError
        If shapes do not fit, a total is negative or no number, or a chance lies outside 0 to 1.
    """

    total: Floats
    open_deals: Floats | None = None
    deal_chance: Floats | None = None

    def __post_init__(self) -> None:
        if self.total.ndim != 2:
            raise RivalError(f"total {self.total.shape} must be futures by periods")
        if self.open_deals is not None and self.open_deals.shape != self.total.shape:
            raise RivalError(f"open_deals {self.open_deals.shape} must have the shape {self.total.shape}")
        for part in (self.total, self.open_deals, self.deal_chance):
            if part is not None:
                if not (np.isfinite(part) & (part >= 0)).all():
                    raise RivalError("totals and chances must be finite and not negative")
                part.flags.writeable = False
        if self.deal_chance is not None and (self.deal_chance > 1).any():
            raise RivalError(f"a chance must not exceed 1, as {self.deal_chance.max():g} does")


class Rival(Protocol):
    """A method that people use today, run on what is known at an origin and on nothing else."""

    @property
    def name(self) -> str:
        """What the method is called in tables."""
        ...

    @property
    def formula(self) -> str:
        """One line: what is computed, and how its range comes about."""
        ...

    def forecast(
        self, seen: DealHistory, edges: Ints, measure: Measure, n_samples: int, rng: np.random.Generator
    ) -> Samples:
        """Joint samples of the wins or bookings of each period.

        Parameters
        ----------
        seen : DealHistory
            The history as it was known at the origin: ``history.as_of(origin)``.
        edges : ndarray of int, shape (n_periods + 1,)
            Steps of the clock; period ``h`` is ``edges[h] <= step < edges[h + 1]``, and the first begins
            right after the origin: ``edges[0] == seen.cutoff_step + 1``.
        measure : {"bookings", "wins"}
        n_samples : int
        rng : Generator
            All chance comes from it: the same generator gives the same samples.

        Raises
        ------
        RivalError
            If the method cannot answer from what is known.
        """
        ...


def is_installed(library: str) -> bool:
    """Whether an optional library can be imported."""
    return find_spec(library) is not None


def require(library: str, rival: str) -> None:
    """Refuse, with the way out, where an optional library is missing.

    Raises
    ------
    RivalError
        If `library` is not installed.
    """
    if not is_installed(library):
        raise RivalError(
            f'{rival} needs the library {library}; install it with: pip install "funnelsim[baselines]"'
        )
