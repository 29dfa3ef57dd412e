"""Pace: how fast transitions run now against their usual rates, and how that may go on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from funnelsim.numerics.level import Levels
from funnelsim.numerics.strata import Source

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_PERIODS = {
    ("hour", 168): "week",
    ("hour", 672): "four-week period",
    ("hour", 2184): "quarter",
    ("day", 7): "week",
    ("day", 28): "four-week period",
    ("day", 91): "quarter",
    ("week", 4): "four-week period",
    ("week", 13): "quarter",
    ("month", 3): "quarter",
}


def period_name(step: str, block_steps: int) -> str:
    """A period of levels in words: "week", "quarter", or so many steps."""
    alone = step if block_steps == 1 else f"{block_steps}-{step} period"
    return _PERIODS.get((step, block_steps), alone)


@dataclass(frozen=True, eq=False)
class ArrivalPace:
    """Levels of the arrivals against their mean, under several settings.

    Parameters
    ----------
    weights : ndarray of float, shape (n_settings,)
        Chance of each setting.
    levels : Levels
        One entry for each setting, in blocks of the arrivals; the transient is a block's over-dispersion.
    """

    weights: Floats
    levels: Levels

    @property
    def mean(self) -> float:
        """Expected level now."""
        return float(self.weights @ self.levels.mean)

    def draw(self, rng: Source, n_blocks: int) -> tuple[Floats, float]:
        """One draw of the level in each block ahead, and of the over-dispersion of a block."""
        i = [int(np.searchsorted(np.cumsum(self.weights)[:-1], rng.random(), side="right"))]
        chosen = self.levels
        steady = Levels(chosen.shape[i], chosen.rate[i], chosen.discount[i], np.zeros(1))
        return steady.draw(rng, n_blocks)[1][0], float(chosen.transient[i[0]])


@dataclass(frozen=True, eq=False)
class Pace:
    """Levels of the transitions of a funnel at its cutoff, and of its arrivals.

    Parameters
    ----------
    block_steps : int
        Steps of the clock in one period of the levels.
    stage, place : ndarray of int, shape (n_series,)
        The transitions that have a level, by code; the others run at their usual rates.
    levels : Levels
    arrivals : ArrivalPace, optional
        None: arrivals follow their mean.
    """

    block_steps: int
    stage: Ints
    place: Ints
    levels: Levels
    arrivals: ArrivalPace | None = None

    def __post_init__(self) -> None:
        self.stage.flags.writeable = False
        self.place.flags.writeable = False

    def in_words(self, stage: int, names: tuple[str, ...], period: str) -> str:
        """What moves in a stage, and how: for a person who reads a table.

        Examples
        --------
        "to lost 1.3 times as fast as usual (1.1 to 1.5), following about the last 5 weeks"
        """
        at = np.flatnonzero(self.stage == stage)
        if not len(at):
            return "steady"
        low, high = self.levels.quantile(0.1), self.levels.quantile(0.9)
        said = []
        for i in at:
            text = f"to {names[self.place[i]]} {self.levels.mean[i]:.2g} times as fast as usual"
            text += f" ({low[i]:.2g} to {high[i]:.2g})"
            if self.levels.discount[i] < 1.0:
                text += f", following about the last {self.levels.memory[i]:.0f} {period}s"
            if self.levels.transient[i] > 0.0:
                text += (
                    f", swinging by {100 * np.sqrt(self.levels.transient[i]):.0f} % from {period} to {period}"
                )
            said.append(text)
        return "; ".join(said)

    def factors(self, rng: Source, n_before: int, n_ahead: int) -> Floats:
        """One draw of the factors on the rates of each transition, by step.

        Parameters
        ----------
        rng : Generator
        n_before, n_ahead : int
            Steps up to the cutoff, at the level of now, and steps after it.

        Returns
        -------
        ndarray of shape (n_series, n_before + 1 + n_ahead)
            Column ``n_before`` is the cutoff's own step.
        """
        now, ahead = self.levels.draw(rng, -(-n_ahead // self.block_steps))
        by_step = np.repeat(ahead, self.block_steps, axis=1)[:, :n_ahead]
        return np.concatenate([np.repeat(now[:, None], n_before + 1, axis=1), by_step], axis=1)
