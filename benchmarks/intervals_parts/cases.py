"""Steady worlds with known truth, just large enough: the two cases in which intervals are put to the test."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from funnelsim.nouns.history import DealHistory
from funnelsim.questions.worlds import FAMILIES
from funnelsim.questions.worlds.families import with_wins
from funnelsim.questions.worlds.process import Process
from funnelsim.questions.worlds.world import simulate_world
from funnelsim.vocabulary.randomness import Streams

STEADY, LATE = "complete log", "log starts late"
CASES = (STEADY, LATE)
LEAST_EXITS = 50

_WINS = 80.0  # about 90 exits from the last stage: the first deals need months until they get there
_DAYS_A_QUARTER = 365.25 / 4
_LATE_DAYS = (270, 500)  # as in the family late_window


def small_world(case: str, seed: int) -> tuple[Process, DealHistory]:
    """A world of the family well_specified with few deals, whose process is drawn anew for each seed.

    Parameters
    ----------
    case : {"complete log", "log starts late"}
        A late log lacks the deals that ended before its start, and stays in it are watched from there on.
    seed : int

    Returns
    -------
    Process, DealHistory
        The truth, and what is known of it.
    """
    streams = Streams.of(seed)
    rng = streams.generator("process")
    process = FAMILIES["well_specified"].draw(rng)
    if case == LATE:
        process = replace(process, window_start_step=process.cutoff_step - int(rng.integers(*_LATE_DAYS)))
    opens = process.start_step if process.window_start_step is None else process.window_start_step
    process = with_wins(process, _WINS * _DAYS_A_QUARTER / (process.cutoff_step - opens))
    process = replace(process, end_step=process.cutoff_step + 1)  # nothing is asked of the year after
    return process, simulate_world(process, streams.generator("deals"), family=case).history


def enough_exits(n_exits: np.ndarray) -> bool:
    """Whether every stage has been left often enough."""
    return bool((np.asarray(n_exits) >= LEAST_EXITS).all())
