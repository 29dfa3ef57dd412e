"""Edges of a large log that were not given: refused where the dates show that it does not reach them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
import numpy.typing as npt

from funnelsim.fitting.log_files import LogError
from funnelsim.nouns.history import DealHistory
from funnelsim.numerics.windows import STILL_OPEN, Endings, count_endings, silent_steps
from funnelsim.vocabulary.clock import Clock

Floats = npt.NDArray[np.float64]


def save_lives(path: Path, history: DealHistory) -> None:
    """Leave the steps in which deals start and end on disk, for :func:`check_start`."""
    first, last = (history.paths.keep(which) for which in (history.paths.is_first, history.paths.is_last))
    start, end = (history.clock.step_of(moves.entered_at) for moves in (first, last))
    lives = np.stack([start, np.where(last.place < history.stages.n_open, STILL_OPEN, end)])
    np.save(path, lives.astype(np.int32))


def check_start(paths: Sequence[Path], first_end: int, clock: Clock, cutoff_step: int) -> None:
    """Refuse a log whose earlier endings were left out.

    Parameters
    ----------
    paths : sequence of Path
        Steps of start and end, by part, from :func:`save_lives`.
    first_end : int
        Step of the first ending of the whole log.
    clock : Clock
    cutoff_step : int

    Raises
    ------
    LogError
    """
    endings = reduce(add, (_count_part(path, cutoff_step, first_end) for path in paths))
    if endings.is_late and first_end < cutoff_step:
        day = clock.start_of(first_end).astype("datetime64[D]")
        raise LogError(
            f"no deal is recorded as ended before {day}, though about {endings.n_expected:.0f} of those that "
            f"arrived earlier should have been; give window_start='{day}' if the log is complete from then "
            "on, or the day of its first event if nothing is missing"
        )


def _count_part(path: Path, cutoff_step: int, first_end: int) -> Endings:
    start, end = np.load(path).astype(np.int64)
    return count_endings(start, end, cutoff_step, first_end)


def check_arrivals(arrivals: Floats, clock: Clock, cutoff_step: int) -> None:
    """Refuse a log in which new deals stop before the moment of observation.

    Parameters
    ----------
    arrivals : ndarray of shape (n_steps, n_open)
        The last row is the step of the cutoff.
    clock : Clock
    cutoff_step : int

    Raises
    ------
    LogError
    """
    n_silent = silent_steps(arrivals.sum(axis=1), clock.step)
    if n_silent is not None:
        last, cutoff = (
            clock.start_of(step + 1).astype("datetime64[us]") - np.timedelta64(1, "us")
            for step in (cutoff_step - n_silent, cutoff_step)
        )
        day, until = (moment.astype("datetime64[D]") for moment in (last, cutoff))
        raise LogError(
            f"no deal arrives in the {n_silent:,} {clock.step}s after {day}; give arrivals_until='{day}' if "
            f"later ones are not recorded yet, '{until}' if there were none, or an earlier as_of"
        )
