"""Learning classes: how deals of different regions, sources or products move, shrunk towards all deals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from funnelsim.fitting.groups import Groups, group_deals
from funnelsim.nouns.classes import OTHERS, Classes, joined_words
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.numerics.group_rates import GroupRates, pool_groups

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_CLASSES = 32
_ROUNDS = 3
_DRAWS = 400
_SEED = 0
_STEPS_A_YEAR = {"hour": 8736, "day": 364, "week": 52, "month": 12}


def with_classes(funnel: Funnel, history: DealHistory, by: str | Sequence[str]) -> Funnel:
    """The funnel, with rates of their own for classes of deals.

    Parameters
    ----------
    funnel : Funnel
        Fitted on `history`.
    history : DealHistory
    by : str or sequence of str
        Attribute, or several whose combinations are the classes. Of more than 32 the smallest are taken
        together, and a note says so.

    Returns
    -------
    Funnel

    Raises
    ------
    SegmentError
        If an attribute is unknown, or names every deal apart.

    Notes
    -----
    Multipliers are those of :func:`funnelsim.segments` (empirical Bayes: a pace, odds, and departures by
    transition), drawn from Gammas of the same mean and variance. They are learnt in three rounds with the
    factors on the common rates: where fast classes leave early, those who stay are the slow ones, and the
    common rate of late ages is theirs already.
    """
    groups = _at_most(group_deals(history, by, funnel), MOST_CLASSES)
    hazards = [funnel.mean_hazards(stage) for stage in range(history.stages.n_open)]
    is_forward = np.stack([history.stages.is_forward(stage) for stage in range(history.stages.n_open)])
    base: list[Floats] = [np.ones_like(h) for h in hazards]
    for _ in range(_ROUNDS):
        expected = groups.expected([b * h for b, h in zip(base, hazards, strict=True)])
        rates = pool_groups(groups.observed * (expected.sum(axis=0) > 0), expected, is_forward)
        mean, variance = _moments(rates, expected)
        base = [_base(seen, mean[:, stage]) for stage, seen in enumerate(groups.exposure)]
    classes = Classes(
        attributes=(by,) if isinstance(by, str) else tuple(by),
        labels=groups.names,
        mean=mean,
        shape=np.clip(mean**2 / np.maximum(variance, 1e-12), 1e-3, 1e9),
        base=tuple(base),
        entries=_entries(history, by, groups.names),
    )
    notes = funnel.notes
    if OTHERS in groups.names:
        notes += (f"only the {MOST_CLASSES - 1} largest classes by {by} have rates of their own",)
    return replace(funnel, classes=classes, notes=notes)


def _at_most(groups: Groups, most: int) -> Groups:
    """The largest groups; the others taken together."""
    if len(groups.names) <= most:
        return groups
    kept = most - 1

    def merged(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.concatenate([values[:kept], values[kept:].sum(axis=0, keepdims=True)])

    exposure = tuple(merged(of_stage) for of_stage in groups.exposure)
    names = (*groups.names[:kept], OTHERS)
    return Groups(names, merged(groups.counts), merged(groups.observed), exposure)


def _moments(rates: GroupRates, expected: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of the multipliers given the common rates; 1 and 0 where nobody is expected."""
    drawn = rates.draw(np.random.default_rng(_SEED), np.broadcast_to(expected, (_DRAWS, *expected.shape)))
    return drawn.mean(axis=0), drawn.var(axis=0)


def _base(exposure: Floats, mean: Floats) -> Floats:
    """Factor on the common rates of each bin: total exposure over that weighed by the multipliers."""
    total, weighed = exposure.sum(axis=0)[:, None], exposure.T @ mean
    return np.divide(total, weighed, out=np.ones_like(weighed), where=weighed > 0)


def _entries(history: DealHistory, by: str | Sequence[str], names: Sequence[str]) -> Floats:
    """New deals of the latest year of complete arrivals, by class and stage of entry."""
    deals, first = history.deals, history.paths.keep(history.paths.is_first)
    columns = [by] if isinstance(by, str) else list(by)
    code_of = {name: code for code, name in enumerate(names)}
    rest = code_of.get(OTHERS, 0)
    code = np.array([code_of.get(word, rest) for word in joined_words([deals[name] for name in columns])])
    step, last = history.clock.step_of(first.entered_at), history.last_arrival_step
    counted = (first.place < history.stages.n_open) & (step <= last)
    counted &= step > last - _STEPS_A_YEAR[history.clock.step]
    entries = np.zeros((len(names), history.stages.n_open))
    np.add.at(entries, (code[counted], first.place[counted]), 1.0)
    return entries
