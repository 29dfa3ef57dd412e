"""Size of deals: whether large ones win at other rates or speeds, proven only by later time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.nouns.classes import MISSING
from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.records import Records
from funnelsim.nouns.table import told
from funnelsim.numerics.group_rates import raw_ratios
from funnelsim.numerics.rates import rates_of
from funnelsim.numerics.recursion import StageRates, won_after_entry
from funnelsim.questions.columns_of_deals import EffectError
from funnelsim.questions.dwell import DAYS_PER_STEP
from funnelsim.questions.effect_value import HELPS, TOGETHER
from funnelsim.questions.effects import effects
from funnelsim.questions.segments import Segments, segments
from funnelsim.vocabulary.display import TIMES
from funnelsim.vocabulary.errors import english

Floats = npt.NDArray[np.float64]

AT_ENTRY = "amount at entry"
PROVEN, NOT_PROVEN = "proven", "not proven"
_SIZE = "size of the deal"
_THIRDS = (1 / 3, 2 / 3)
_MOST_STEPS = 4000
_LARGEST_RATIO = 1e6


def by_size(history: DealHistory, interval: float, n_draws: int, seed: int) -> pd.DataFrame:
    """Win rate and speed by class of the amount at entry; see :meth:`AmountsReport.by_size`."""
    at_entry = amounts_at_entry(history)
    words, order = size_classes(at_entry)
    deals = history.records.deals.assign(**{_SIZE: words, AT_ENTRY: at_entry})
    known = replace(history, records=Records(deals, history.records.moves, history.records.keeps_file_order))
    found = segments(known, _SIZE, n_draws=n_draws, seed=seed, interval=interval)
    table = found.table().drop(columns=["n_open", "n_lost"])
    table["raw_median_days"] = _median_days(
        known, found, np.minimum(raw_ratios(found.rates.observed, found.rates.expected), _LARGEST_RATIO)
    )
    table["median_days"] = _median_days(known, found, found.ratios[0])
    table["gain"], table["gain_se"], table["verdict"] = _gain(known)
    shown = [name for name in order if name in table.index]
    units = {"pace": TIMES, "raw_pace": TIMES, "median_days": "days", "raw_median_days": "days"}
    return told(table.loc[shown].rename_axis(AT_ENTRY), units)


def amounts_at_entry(history: DealHistory) -> Floats:
    """Amount of each deal in the records when it began; NaN where none is known.

    That recorded with the first move; of deals whose moves carry no amount at all, the present one.
    """
    moves, present = history.records.moves, history.records.deals["amount"].to_numpy(float)
    ordered = moves.sort_values("entered_at", kind="stable").groupby("deal", sort=True)
    every = range(len(present))
    first = ordered["amount"].nth(0)
    by_deal = pd.Series(first.to_numpy(float), index=moves.loc[first.index, "deal"]).reindex(every)
    has_own = ordered["amount"].count().reindex(every, fill_value=0).to_numpy() > 0
    return np.where(has_own, by_deal.to_numpy(float), present)


def size_classes(amount: Floats) -> tuple[npt.NDArray[np.object_], list[str]]:
    """Class of each amount in words, by thirds of those known, and the classes from small to missing."""
    is_known = np.isfinite(amount)
    edges = np.unique(np.quantile(amount[is_known], _THIRDS)) if is_known.any() else np.zeros(0)
    if len(edges) and edges[-1] >= amount[is_known].max():
        edges = edges[:-1]  # nothing lies above
    said = [f"{edge:,.6g}" for edge in edges]
    between = [f"{a} to {b}" for a, b in zip(said[:-1], said[1:], strict=True)]
    names = [f"up to {said[0]}", *between, f"over {said[-1]}"] if said else ["any amount"]
    code = np.searchsorted(edges, amount[is_known], side="left")
    words = np.full(len(amount), None, dtype=object)
    words[is_known] = np.array(names, dtype=object)[code]
    return words, [*names, MISSING]


def _median_days(history: DealHistory, found: Segments, multipliers: Floats) -> Floats:
    """Days until half of the new deals of each group have ended, shape (n_groups,); infinite if fewer do.

    Multipliers have shape (n_groups, n_stages, n_places).
    """
    funnel, n_open = found.funnel, history.stages.n_open
    places, stages = np.arange(len(history.stages.names)), []
    for code, hazards in enumerate(funnel.hazards):
        rates = rates_of(funnel.mean_hazards(code))[None] * multipliers[:, code][:, None, :]
        stages.append(StageRates(hazards.first_age, places, rates, np.ones(len(places))))
    n_steps = min(history.cutoff_step - int(history.spells.entry_step.min()), _MOST_STEPS)
    first = history.paths.place[history.paths.is_first]
    entries = np.bincount(first, minlength=len(places))[:n_open]
    ended = won_after_entry(stages, places >= n_open, n_steps) @ (entries / entries.sum())
    reached = ended >= 0.5
    return np.where(reached.any(axis=1), reached.argmax(axis=1), np.inf) * DAYS_PER_STEP[history.clock.step]


def _gain(history: DealHistory) -> tuple[float, float, str]:
    """What knowing amounts is worth on later time, its standard error, and the verdict."""
    try:
        value = effects(history, [AT_ENTRY], n_draws=2).value().loc[[TOGETHER]]
    except EffectError as error:
        return 0.0, np.inf, f"{NOT_PROVEN}: {english(error)}"
    verdict = str(value["verdict"].iloc[0])
    said = PROVEN if verdict == HELPS else f"{NOT_PROVEN}: {verdict}"
    gain, error_of_gain = value[["gain", "gain_se"]].to_numpy(float)[0]
    return float(gain), float(error_of_gain), said
