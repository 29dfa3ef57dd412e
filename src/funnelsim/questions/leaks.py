"""Attributes that tell how a deal ended because they were filled in then: found, named, refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from funnelsim.nouns.history import DealHistory
from funnelsim.questions.columns_of_deals import numbers_of, words_of
from funnelsim.vocabulary.words import key_of

Flags = npt.NDArray[np.bool_]
Words = npt.NDArray[np.object_]

_TELL_THE_END = {
    key_of(name)
    for name in (
        "place", "outcome", "entered_at", "created_at", "closed_at", "deal_id", "status", "deal_status",
        "stage", "deal_stage", "stage_name", "current_stage", "last_stage", "last_open_stage",
        "lost_reason", "loss_reason", "won_reason", "win_reason", "close_reason", "closed_reason",
        "reason_lost", "closed_lost_reason", "closed_won_reason", "close_date", "closed_date", "closedate",
        "won_date", "lost_date", "close_value", "is_won", "is_lost", "is_closed", "won", "lost",
        "probability", "forecast_category", "输单原因", "赢单原因", "关闭日期", "商机状态", "销售阶段",
    )
}  # fmt: skip
SAYS_THE_END = "it says how deals ended, or when, or why"
_LEAST = 10  # deals on either side before anything is called determined
_NEARLY = 0.97
_HARDLY = 0.05
_GAP = 0.25  # between shares filled in: worth a remark
_TWICE, _CLEAR = 2.0, 4.0  # or so many times as often, and so many standard errors


def tells_the_end(name: str) -> bool:
    """Whether an attribute is by its name an outcome, a date of it, or a reason for it."""
    return key_of(name.rstrip("_")) in _TELL_THE_END


def leak(history: DealHistory, deals: pd.DataFrame, name: str) -> str:
    """Why an attribute looks as if it had been recorded when deals moved on or ended; "" if it does not.

    Notes
    -----
    Its name says so; or it is filled in (almost) only for lost, only for won, only for closed or only for
    open deals; or missing only for open deals; or whether it is filled in, or its value, tells by itself won
    from lost deals, or those that passed a stage from those that did not, in 97 of 100 cases. At least ten
    deals must speak against luck. A class of deals that simply always loses is no leak, nor is a value that
    older deals lack.
    """
    if tells_the_end(name):
        return SAYS_THE_END
    kind = deals["outcome"].to_numpy(object)
    filled = ~pd.isna(words_of(deals[name]))
    found = _one_sided(filled, kind)
    if found:
        return found
    stage = furthest_stage(history)
    rival = "lost" if (kind == "lost").any() else "open"
    pairs = [(f"won from {rival} deals", kind == "won", kind == rival)] + [
        (f"whether deals got to stage {history.stages.names[s]!r}", stage >= s, stage < s)
        for s in range(1, history.stages.n_open)
    ]
    for words, one, other in pairs:
        if _tells_apart(pd.Series(filled), one, other):
            return f"whether it is filled in tells {words}"
        if _tells_apart(deals[name], one & filled, other & filled):
            return f"by itself it tells {words}"
    return ""


def furthest_stage(history: DealHistory) -> npt.NDArray[np.int64]:
    """Furthest open stage each deal was seen in, in the order of ``history.deals``; -1 if in none."""
    spells = history.spells
    furthest = np.full(len(history.records.deals), -1)
    np.maximum.at(furthest, spells.deal, spells.stage)
    return furthest[history.paths.deal[history.paths.is_first]]


def _one_sided(filled: Flags, kind: Words) -> str:
    """Whether being filled in, or missing, goes with one kind of deals only."""
    sides = {"lost": kind == "lost", "won": kind == "won", "closed": kind != "open", "open": kind == "open"}
    for words, side in sides.items():
        others = _others(filled, side)
        if others >= 0:
            when = "while deals are open" if words == "open" else "when deals ended"
            seen = f"{int(filled.sum()) - others:,} {words} deals and {others:,} others"
            return f"it is filled in for {seen}: it was written down {when}"
    others = _others(~filled, sides["open"])
    if others >= 0:
        seen = f"{int((~filled).sum()) - others:,} open deals and {others:,} others"
        return f"it is missing for {seen}: it was written down when deals ended, at the latest"
    return ""


def _others(having: Flags, side: Flags) -> int:
    """Deals that have something and are not of a side, if they are nearly none of many expected; else -1."""
    expected, others = float(having.sum()) * float((~side).mean()), int((having & ~side).sum())
    return others if expected >= _LEAST and others <= _HARDLY * expected else -1


def _tells_apart(values: pd.Series[Any], one: Flags, other: Flags) -> bool:
    """Whether values tell two kinds of deals apart: numbers by order, classes by where each is more usual."""
    n_one, n_other = int(one.sum()), int(other.sum())
    if min(n_one, n_other) < _LEAST:
        return False
    number, words = numbers_of(values), words_of(values).astype(str)
    if not np.isnan(number[one | other]).any():
        rank = float(stats.mannwhitneyu(number[one], number[other]).statistic) / (n_one * n_other)
        return max(rank, 1 - rank) >= _NEARLY
    levels, code = np.unique(words, return_inverse=True)
    if len(levels) > _HARDLY * (n_one + n_other):
        return False  # so many classes tell anything apart
    shares = [np.bincount(code[side], minlength=len(levels)) / side.sum() for side in (one, other)]
    is_one = shares[0] > shares[1]
    return bool(min(shares[0][is_one].sum(), shares[1][~is_one].sum()) >= _NEARLY)


def uneven_filling(deals: pd.DataFrame, name: str) -> str:
    """A remark on an attribute filled in far more often for deals of one kind; "" if it is not."""
    kind, filled = deals["outcome"], pd.Series(~pd.isna(words_of(deals[name])), index=deals.index)
    shares = filled.groupby(kind).agg(["mean", "size"])
    shares = shares[shares["size"] >= _LEAST]
    by_kind = shares["mean"]
    if len(by_kind) < 2:
        return ""
    most, least = str(by_kind.idxmax()), str(by_kind.idxmin())
    gap, error = by_kind[most] - by_kind[least], np.sqrt((by_kind * (1 - by_kind) / shares["size"]).sum())
    is_twice = by_kind[most] > _TWICE * by_kind[least] and gap > _CLEAR * error
    if gap < _GAP and not is_twice:
        return ""
    return (
        f"{name!r} is filled in for {100 * by_kind[most]:.0f} % of {most} and {100 * by_kind[least]:.0f} "
        f"% of {least} deals: if it is written down as deals move on, what it tells is their progress; "
        "recorded_at is the cure"
    )
