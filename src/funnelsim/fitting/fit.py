"""From a deal history to a funnel: counts and exposures, nothing that keeps a deal."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.numerics.amounts import fit_amounts
from funnelsim.numerics.arrivals import Arrivals, fit_arrivals
from funnelsim.numerics.hazards import StageHazards, bin_ages, count_ages
from funnelsim.numerics.weighted_pipeline import ClosedRates, closed_rates
from funnelsim.vocabulary.stages import Stages

Flags = npt.NDArray[np.bool_]

_FEW_WINS = 10  # the standard error of a chance of a half is .16 then
_FEW_STEPS = 14


def fit(history: DealHistory) -> Funnel:
    """Learn how deals move: hazards by stage, destination and age; arrivals; amounts.

    Open deals count as what they are (not yet decided), spells that began before the log is complete enter
    late, and nothing is estimated from closed deals only, except the classical figure that is kept to be
    compared with.

    Parameters
    ----------
    history : DealHistory

    Returns
    -------
    Funnel
        Frozen; its ``notes`` say what was assumed for want of data.

    Notes
    -----
    Hazards: exits over exposure in adaptive bins of age, with Dirichlet draws. Arrivals: mean of the latest
    year with over-dispersion. Amounts: the latest wins as at most 200 points.

    Examples
    --------
    >>> import funnelsim as fs
    >>> funnel = fs.fit(fs.simulate_history(seed=1))
    >>> funnel.table().columns[:3].tolist()
    ['n_exits', 'conversion', 'conversion_low']
    """
    stages = history.stages
    notes: list[str] = []
    hazards = tuple(_fit_stage(history, stage, notes) for stage in range(stages.n_open))
    paths = history.paths
    last = paths.keep(paths.is_last)
    is_won, is_lost = stages.is_won[last.place], stages.is_lost[last.place]
    _note_little_evidence(history, int(is_won.sum()), notes)
    amounts = fit_amounts(_won_amounts(history, notes))
    return Funnel(
        stages=stages,
        clock=history.clock,
        hazards=hazards,
        arrivals=_fit_arrivals(history, notes),
        amounts=amounts,
        closed=_closed_rates(history, is_won, is_lost, notes),
        unit=history.unit,
        origin=f"fitted on {history.n_deals:,} deals up to {np.datetime_as_string(history.cutoff, unit='D')}",
        notes=tuple(notes),
    )


def _fit_stage(history: DealHistory, stage: int, notes: list[str]) -> StageHazards:
    stages = history.stages
    counts = count_ages(history.spells, stage, len(stages.names), history.window_start_step)
    if not counts.exits.sum():
        notes.append(
            f"no deal has been seen to leave stage {stages.open[stage].name!r}: each next step is assumed "
            "equally likely, with the weight of half a deal"
        )
    return bin_ages(counts, _equal_next_steps(stages, stage))


def _equal_next_steps(stages: Stages, stage: int) -> npt.NDArray[np.float64]:
    """Equal shares of the next open stage (a win, after the last) and of every loss."""
    possible = stages.is_lost.copy()
    possible[stage + 1 if stage + 1 < stages.n_open else np.flatnonzero(stages.is_won)[0]] = True
    return possible / possible.sum()


def _note_little_evidence(history: DealHistory, n_won: int, notes: list[str]) -> None:
    if n_won < _FEW_WINS:
        notes.append(f"few wins, {n_won}: chances of winning and amounts rest on very little")
    first_entry = history.clock.step_of(history.paths.entered_at.min())
    watched = history.cutoff_step - max(int(first_entry), history.window_start_step or int(first_entry)) + 1
    if watched < _FEW_STEPS:
        notes.append(
            f"a short log, {watched} {history.clock.step}(s): how older deals move is not known, and "
            "arrivals and ranges rest on very little"
        )


def _closed_rates(
    history: DealHistory, is_won: Flags, is_lost: Flags, notes: list[str]
) -> ClosedRates | None:
    """Closed-only win rates; none where no loss is recorded, for all of them would be 100 %."""
    if is_won.any() and not is_lost.any():
        notes.append(
            "no lost deal is recorded, so win rates among closed deals would all be 100 %: they are "
            "left out, and chances rest on how long deals stay open"
        )
        return None
    closed = _by_deal(history, is_won | is_lost)
    return closed_rates(history.spells, _by_deal(history, is_won), closed, history.stages.n_open)


def _by_deal(history: DealHistory, flags: Flags) -> Flags:
    """Flags of the deals that have moves, by position among all deals."""
    by_deal = np.zeros(len(history.records.deals), dtype=bool)
    by_deal[history.paths.deal[history.paths.is_first]] = flags
    return by_deal


def _won_amounts(history: DealHistory, notes: list[str]) -> npt.NDArray[np.float64]:
    deals = history.deals
    won = deals[deals["outcome"] == "won"].sort_values("closed_at", kind="stable")
    if history.window_start is not None:
        won = won[won["closed_at"] >= history.window_start]
    amounts = won["amount"].to_numpy(float)
    missing = int(np.isnan(amounts).sum())
    if missing and missing < len(amounts):
        notes.append(f"{missing:,} of {len(amounts):,} won deals have no amount; the others stand for them")
    return amounts


def _fit_arrivals(history: DealHistory, notes: list[str]) -> Arrivals:
    paths, clock = history.paths, history.clock
    first = paths.keep(paths.is_first)
    step = clock.step_of(first.entered_at)
    is_entry = first.place < history.stages.n_open
    first_step = int(step.min()) if history.window_start_step is None else history.window_start_step
    last_step = history.last_arrival_step
    gap = history.cutoff_step - last_step
    if gap:
        until = np.datetime_as_string(clock.start_of(last_step), unit="D")
        notes.append(
            f"new deals are recorded until {until}: their rate is estimated up to there, and those of the "
            f"{gap:,} {clock.step}s since, not recorded yet, are expected at that rate"
        )
    if not is_entry.all():
        notes.append(f"{int((~is_entry).sum()):,} deals were first seen at their end and count as no arrival")
    arrivals = fit_arrivals(
        step[is_entry],
        first.place[is_entry],
        history.stages.n_open,
        min(first_step, last_step),
        last_step,
        clock.step,
    )
    if not arrivals.entry_counts.any():
        notes.append("no new deal arrived in the latest year on record: none is expected")
    return arrivals
