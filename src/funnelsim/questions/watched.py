"""What was watched of every deal: exits and those expected by stage and age, cut where attributes change."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.numerics.rates import rates_of
from funnelsim.questions.columns_of_deals import EffectError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

FAMILIES = ("forward", "lost")
_ALWAYS = np.iinfo(np.int64).max // 4


@dataclass(frozen=True, eq=False)
class Stretches:
    """Stretches of time within which a deal's attributes stay as they are; in order of deal and time.

    Parameters
    ----------
    deal : ndarray of int
        Position of the deal in ``DealHistory.deals``.
    first_step, last_step : ndarray of int
    values : DataFrame
        Attributes as known in the stretch.
    """

    deal: Ints
    first_step: Ints
    last_step: Ints
    values: pd.DataFrame

    @property
    def is_last(self) -> Flags:
        """Whether each stretch is the last of its deal."""
        return np.append(self.deal[1:] != self.deal[:-1], True)


def stretches(history: DealHistory, deals: pd.DataFrame, recorded_at: Mapping[str, str]) -> Stretches:
    """One stretch a deal; with dates of recording, one more after each of them.

    A value recorded in some step counts from the next one on, for it may have been written down when the deal
    ended that day; one recorded by the deal's first moment counts from its beginning; one recorded when the
    deal had ended, or without a date of recording, never does.
    """
    n_deals = len(deals)
    known_from = {
        name: _known_from(history, deals, column)
        for name, column in recorded_at.items()
        if name in deals and column in deals
    }
    starts = np.unique(
        np.concatenate(
            [np.stack([np.arange(n_deals), np.full(n_deals, -_ALWAYS)], axis=1)]
            + [np.stack([np.arange(n_deals), step], axis=1)[step < _ALWAYS] for step in known_from.values()]
        ),
        axis=0,
    )
    deal, first = starts[:, 0], starts[:, 1]
    goes_on = np.append(deal[1:] == deal[:-1], False)
    last = np.where(goes_on, np.append(first[1:], 0) - 1, _ALWAYS)
    values = deals.iloc[deal].reset_index(drop=True)
    for name, step in known_from.items():
        values[name] = values[name].astype(object).where(step[deal] <= first, None)
    return Stretches(deal, first, last, values)


def _known_from(history: DealHistory, deals: pd.DataFrame, column: str) -> Ints:
    """First step in which a value counts as known; never, without a date."""
    moment = recording_dates(deals, column)
    is_dated = moment.notna().to_numpy()
    step = np.full(len(deals), _ALWAYS)
    step[is_dated] = history.clock.step_of(moment[is_dated].to_numpy()) + 1
    end = history.clock.step_of(deals["closed_at"].fillna(pd.Timestamp(history.cutoff)).to_numpy())
    step[step > end] = _ALWAYS
    return np.where((moment <= deals["created_at"]).to_numpy(), -_ALWAYS, step)


def recording_dates(deals: pd.DataFrame, column: str) -> pd.Series[Any]:
    """Dates of recording; NaT where a value has none.

    Raises
    ------
    EffectError
        If the column holds anything but dates without a zone, as such or written like 2025-03-31.
    """
    values = deals[column]
    is_number = pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype)
    moment = pd.Series(np.datetime64("NaT", "ns"), index=values.index)
    if not is_number:  # numbers would count as nanoseconds since 1970
        with suppress(ValueError):  # several zones
            read = pd.to_datetime(values.astype(object), format="ISO8601", errors="coerce")
            moment = moment if isinstance(read.dtype, pd.DatetimeTZDtype) else read
    wrong = values[values.notna() & moment.isna()]
    if len(wrong):
        raise EffectError(
            f"recorded_at: {column!r} must hold dates without a zone, such as 2025-03-31, but {len(wrong):,} "
            f"of {int(values.notna().sum()):,} are none: {wrong.iloc[0]!r}"
        )
    return moment


@dataclass(frozen=True, eq=False)
class Watched:
    """Exits and expected exits of every stretch.

    Parameters
    ----------
    exits, expected : dict of str to sparse array, shape (n_stretches, n_blocks)
        By family, "forward" and "lost". A block is a bin of age in a stage; all of the first stage first.
    """

    exits: dict[str, sparse.csr_array]
    expected: dict[str, sparse.csr_array]


def watch(
    history: DealHistory, funnel: Funnel, parts: Stretches, *, after_step: int | None = None
) -> Watched:
    """Count exits of each family, and those expected under the funnel's rates common to all deals.

    Parameters
    ----------
    history : DealHistory
    funnel : Funnel
    parts : Stretches
    after_step : int, optional
        Watch only later steps.

    Returns
    -------
    Watched

    Notes
    -----
    Expected exits are steps at risk times the rate ``-log(1 - h) h_j / h`` of their age; a step in which the
    deal leaves counts half, as it leaves in the middle of it on average: then exits over expected exits
    estimate a factor on rates, not on chances, to the third order of the chance.
    """
    spell, part, first_age, last_age, leaves = _pieces(history, parts, after_step)
    spells, n_parts = history.spells, len(parts.deal)
    offsets = np.concatenate([[0], np.cumsum([len(h.first_age) for h in funnel.hazards])])
    cells: dict[str, list[tuple[Floats, Ints, Ints]]] = {name: [] for name in FAMILIES}
    gone: dict[str, list[tuple[Ints, Ints]]] = {name: [] for name in FAMILIES}
    for stage, hazards in enumerate(funnel.hazards):
        here = np.flatnonzero(spells.stage[spell] == stage)
        starts = hazards.first_age
        ends = np.append(starts[1:] - 1, _ALWAYS)
        steps = np.minimum(last_age[here, None], ends) - np.maximum(first_age[here, None], starts) + 1.0
        steps = np.maximum(steps, 0.0)
        last_bin = np.searchsorted(starts, last_age[here], side="right") - 1
        steps[np.arange(len(here)), last_bin] -= 0.5 * leaves[here]
        row, block = np.nonzero(steps)
        rates, kinds = rates_of(funnel.mean_hazards(stage)), families(history, stage)
        for name, places in kinds.items():
            rate = rates[:, places].sum(axis=1)
            cells[name].append((steps[row, block] * rate[block], part[here][row], block + offsets[stage]))
            went = leaves[here] & np.append(places, False)[spells.destination[spell[here]]]
            gone[name].append((part[here][went], last_bin[went] + offsets[stage]))
    shape = (n_parts, int(offsets[-1]))
    return Watched(
        {name: _table([(np.ones(len(p)), p, b) for p, b in found], shape) for name, found in gone.items()},
        {name: _table(found, shape) for name, found in cells.items()},
    )


def _table(found: list[tuple[Floats, Ints, Ints]], shape: tuple[int, int]) -> sparse.csr_array:
    value, row, column = (np.concatenate([part[i] for part in found]) for i in range(3))
    return sparse.coo_array((value, (row, column)), shape=shape).tocsr()


def _pieces(
    history: DealHistory, parts: Stretches, after_step: int | None
) -> tuple[Ints, Ints, Ints, Ints, Flags]:
    """Spells cut by stretches: spell, stretch, first and last age watched, whether it ends with an exit."""
    spells = history.spells
    position = np.full(len(history.records.deals), -1)
    position[history.paths.deal[history.paths.is_first]] = np.arange(history.n_deals)
    of_deal = position[spells.deal]
    first_part = np.searchsorted(parts.deal, of_deal, side="left")
    n_parts = np.searchsorted(parts.deal, of_deal, side="right") - first_part
    spell = np.repeat(np.arange(len(of_deal)), n_parts)
    before = np.repeat(np.cumsum(n_parts) - n_parts, n_parts)
    part = np.arange(len(spell)) - before + first_part[spell]
    start = max(
        -_ALWAYS if history.window_start_step is None else history.window_start_step,
        -_ALWAYS if after_step is None else after_step + 1,
    )
    entry, exit_step = spells.entry_step[spell], spells.exit_step[spell]
    low = np.maximum(np.maximum(entry, start), parts.first_step[part])
    high = np.minimum(exit_step, parts.last_step[part])
    kept = high >= low
    leaves = (spells.destination[spell] >= 0) & (high == exit_step)
    return spell[kept], part[kept], (low - entry)[kept], (high - entry)[kept], leaves[kept]


def families(history: DealHistory, stage: int) -> dict[str, Flags]:
    """Which places each family of exits leads to from a stage; backward moves belong to none."""
    return {"forward": history.stages.is_forward(stage), "lost": history.stages.is_lost}
