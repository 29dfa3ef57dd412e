"""The recursion that gives the chances: daily steps over four quarters, 100 draws, seven stages."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
from montecarlo_parts.memory import peak_mb

import funnelsim as fs
from engines_parts.cases import equal_periods, moving, open_deals, row_of_stages
from funnelsim.engines.chances import Positions, batch_chances, draw_batches
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
N_STAGES, N_DEALS, N_PERIODS, N_DAYS, N_DRAWS = 7, 10_000, 4, 365, 100
_ROUNDS = 3


def measure() -> str:
    """Seconds with steady and with moving rates, and those of a plain backward recursion over all ages."""
    steady, pipeline = row_of_stages(N_STAGES), open_deals(N_DEALS, N_STAGES)
    periods = equal_periods(pipeline, N_PERIODS, N_DAYS)
    positions = Positions.of(steady, pipeline)
    rows = [
        f"chances: {N_DAYS} daily steps, {N_DRAWS} draws, {N_STAGES} stages, "
        f"{len(positions.stage)} pairs of stage and age, one core"
    ]
    seconds = {}
    for label, funnel in (("steady rates", steady), ("levels and calendar", moving(steady))):
        before, times = peak_mb(), []
        for _ in range(_ROUNDS):
            start = time.perf_counter()
            for draws in draw_batches(N_DRAWS):
                batch_chances(funnel, positions, periods, Streams(0), draws)
            times.append(time.perf_counter() - start)
        seconds[label] = float(np.median(times))
        rows.append(
            f"  {label:24} {seconds[label]:6.2f} s ({min(times):.2f} to {max(times):.2f}), "
            f"{peak_mb() - before:4.0f} MB more"
        )
    draws = draw_batches(N_DRAWS)[0]
    start = time.perf_counter()
    plain = _plain(steady, positions, periods, draws)
    scaled = (time.perf_counter() - start) * N_DRAWS / len(draws)
    gap = np.abs(plain - batch_chances(steady, positions, periods, Streams(0), draws).open_deals).max()
    rows.append(
        f"  plain, over all ages     {scaled:6.2f} s, scaled from {len(draws)} draws: "
        f"{scaled / seconds['steady rates']:.1f} times as long as with steady rates"
    )
    rows.append(f"  largest difference of a chance   {gap:.1e}")
    return "\n".join(rows)


def _plain(funnel: fs.Funnel, positions: Positions, periods: fs.Periods, draws: range) -> Floats:
    """Chances by period, backward in time over every stage and age: the recursion as one would write it."""
    n, n_open, n_steps = len(draws), funnel.stages.n_open, int(periods.steps_ahead[-1])
    n_ages = int(positions.age.max()) + n_steps + 2
    won, h = int(np.flatnonzero(funnel.stages.is_won)[0]), []
    for stage, hazards in enumerate(funnel.hazards):
        by_bin = funnel.hazard_draws(stage, Streams(0), draws)
        h.append(by_bin[:, np.searchsorted(hazards.first_age, np.arange(n_ages), side="right") - 1])
    hazard = np.stack(h, axis=1)  # draw, stage, age, place
    stay, moves, wins = 1.0 - hazard.sum(axis=3), hazard[..., :n_open], hazard[..., won]
    within = np.eye(n_open) - moves[:, :, 0]
    period = np.searchsorted(periods.steps_ahead, np.arange(1, n_steps + 1), side="left") - 1
    standing = np.zeros((n, n_open, n_ages, len(periods)))
    for step in range(n_steps, 0, -1):
        prize = np.zeros(len(periods))
        prize[period[step - 1]] = 1.0
        now = wins[:, :, 0, None] * prize + stay[:, :, 0, None] * standing[:, :, 0]
        entering = np.linalg.solve(within, now)
        later = moves[:, :, 1:] @ entering[:, None] + wins[:, :, 1:, None] * prize
        later += stay[:, :, 1:, None] * standing[:, :, 1:]
        standing[:, :, :-1] = later
    return standing[:, positions.stage, positions.age]
