"""The indicator table: new deals, intents, closes and their rates, week by week or month by month."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.table import told
from funnelsim.questions.targets.quotas import TargetError
from funnelsim.vocabulary.display import PERCENT
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.words import did_you_mean

Every = Literal["week", "month"]
_FREQUENCY = {"week": "W-SUN", "month": "M"}


@checked
def indicators(
    history: DealHistory, *, every: Every = "week", intent: str | None = None, last: int | None = 26
) -> pd.DataFrame:
    """New deals, intents and closes by week or month, with rates and the average yield.

    Parameters
    ----------
    history : DealHistory
    every : {"week", "month"}
    intent : str, optional
        Open stage that shows an intent to buy; the last one by default.
    last : int, optional
        Latest periods that are shown; None for all from which the log is complete.

    Returns
    -------
    DataFrame
        Index: period; counts, and rates of 0..1 and above. ``new_deals``; ``intents``, deals that reached the
        stage, or one beyond it, for the first time; ``intent_rate``, intents over new deals *of the same
        period*; ``closes``, wins; ``close_rate``, closes over intents of the same period; ``average_yield``
        of wins with an amount, in the unit of the history. Then of the new deals of the period, whenever they
        moved: ``won_of_new``, the share won so far, and ``open_of_new``, the share not yet decided.
        ``is_complete``: the period has ended.

    Raises
    ------
    TargetError
        If `every` or the stage is unknown, or `last` is no positive number.

    Notes
    -----
    Intents of a week come from deals of earlier weeks: the rates by period tell how busy the funnel is, and
    exceed 1 when fewer deals come in. The rate of a cohort is ``won_of_new``, and it is final only where
    ``open_of_new`` is 0; of young cohorts it is too low. :func:`funnelsim.fit` uses both without either bias.

    Examples
    --------
    >>> import funnelsim as fs
    >>> indicators(fs.simulate_history(seed=1), every="month", last=3).index.tolist()
    ['2026-06', '2026-07', '2026-08']
    """
    if every not in get_args(Every):
        raise TargetError(f"every={every!r} is unknown; use 'week' or 'month'")
    if last is not None and (isinstance(last, bool) or not isinstance(last, int) or last < 1):
        raise TargetError(f"last={last!r} must be a positive number of periods, or None")
    deals, places = history.deals, history.paths
    start = history.window_start
    first = pd.Timestamp(deals["created_at"].min() if start is None else start)
    index = pd.period_range(first, pd.Timestamp(history.cutoff), freq=_FREQUENCY[every])

    def by_period(moments: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> npt.NDArray[np.float64]:
        at = index.get_indexer(pd.DatetimeIndex(np.asarray(moments)).to_period(_FREQUENCY[every]))
        amounts = None if weights is None else np.asarray(weights, dtype=float)[at >= 0]
        return np.bincount(at[at >= 0], amounts, minlength=len(index)).astype(float)

    reached = _reaches(history, intent)[places.place]
    _, first_time = np.unique(places.deal[reached], return_index=True)
    won = deals[deals["outcome"] == "won"]
    priced = won[won["amount"].notna()]
    new, intents, closes = (
        by_period(moments)
        for moments in (deals["created_at"], places.entered_at[reached][first_time], won["closed_at"])
    )
    frame = pd.DataFrame(
        {
            "new_deals": new.astype(int),
            "intents": intents.astype(int),
            "intent_rate": _over(intents, new),
            "closes": closes.astype(int),
            "close_rate": _over(closes, intents),
            "average_yield": _over(
                by_period(priced["closed_at"], priced["amount"]), by_period(priced["closed_at"])
            ),
            "won_of_new": _over(by_period(won["created_at"]), new),
            "open_of_new": _over(by_period(deals["created_at"][deals["outcome"] == "open"]), new),
            "is_complete": index.end_time <= pd.Timestamp(history.cutoff) + pd.Timedelta(seconds=1),
        },
        index=pd.Index([_label(period, every) for period in index], name=every),
    )
    shares = ("intent_rate", "close_rate", "won_of_new", "open_of_new")
    units = dict.fromkeys(shares, PERCENT) | {"average_yield": history.unit}
    return told(frame if last is None else frame.tail(last), units)


def _reaches(history: DealHistory, intent: str | None) -> npt.NDArray[np.bool_]:
    """Which places show that a deal has come to the stage: itself, later stages, a win."""
    stages = history.stages
    names = [stage.name for stage in stages.open]
    if intent is not None and intent not in names:
        raise TargetError(f"intent={intent!r} is no open stage; they are {', '.join(names)}"
                          f"{did_you_mean(intent, names)}")  # fmt: skip
    code = stages.n_open - 1 if intent is None else names.index(intent)
    place = np.arange(len(stages.names))
    return ((place >= code) & (place < stages.n_open)) | stages.is_won


def _over(part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0))


def _label(period: pd.Period, every: Every) -> str:
    if every == "month":
        return str(period)
    year, week, _ = period.start_time.isocalendar()
    return f"{year}-W{week:02d}"
