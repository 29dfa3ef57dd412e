"""Revision: why a forecast changed between two dates, deal by deal and by the model, adding up exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.engines.exact import Exact, ExactOutcome
from funnelsim.engines.run import forecast
from funnelsim.fitting.fit import fit as fit_funnel
from funnelsim.nouns.forecast import Forecast, ForecastError
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.law import Measure, over_draws
from funnelsim.nouns.table import told
from funnelsim.vocabulary.display import Shown
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.estimate import Estimate
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]

CAUSES = ("won", "lost", "moved on", "moved back", "slipped", "re-priced", "new")


@dataclass(frozen=True, eq=False)
class Revision(Shown):
    """Two forecasts of one window at two dates, and what lies between them. Made by :func:`revision`.

    Parameters
    ----------
    before, after : Forecast
    days : tuple of str
        The two dates.
    deals : DataFrame
        One row for each deal and cause: ``deal_id``, ``cause``, ``change`` of the expected total.
    new : float
        Change by deals yet to arrive: those that came in between are in `deals`, and no longer expected.
    model : float
        Change by the model: the same position at the later date, under the funnel fitted then.
    """

    before: Forecast
    after: Forecast
    days: tuple[str, str]
    deals: pd.DataFrame
    new: float
    model: float

    def table(self) -> pd.DataFrame:
        """The waterfall: from the expected total before to that after.

        Returns
        -------
        DataFrame
            Index: the earlier date; ``won``, ``lost``, ``moved on``, ``moved back``, ``slipped`` (still in
            their stage), ``re-priced``, ``new`` (deals that came, less what had been expected of them),
            ``model``; the later date. ``change`` of the expected total and ``level`` after it, in the unit of
            the forecast, or wins; and the number ``n_deals``.
        """
        start = float(self.before.mean().value)
        rows = {self.days[0]: (0.0, 0)}
        for cause in CAUSES:
            changes = self.deals["change"][self.deals["cause"] == cause]
            rows[cause] = (float(changes.sum()) + (self.new if cause == "new" else 0.0), len(changes))
        rows["model"] = (self.model, 0)
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=["change", "n_deals"])
        frame["level"] = start + frame["change"].cumsum()
        frame.loc[self.days[1]] = [0.0, 0, float(self.after.mean().value)]
        frame = frame.astype({"n_deals": int})[["change", "level", "n_deals"]].rename_axis("cause")
        return told(frame, self._column_units())

    @property
    def moved(self) -> Estimate:
        """Change of the expected total, draw by draw, with the standard error of the computation."""
        then, now = (side.law().mean_by_draw() for side in (self.before, self.after))
        return over_draws(now - then)

    def _column_units(self) -> Mapping[str, str]:
        unit = self.before.unit if self.before.is_money else "wins"
        return {"change": unit, "level": unit}

    def __repr__(self) -> str:
        first, last = (f"{side.mean().value:,.0f}" for side in (self.before, self.after))
        largest = self.table()["change"].abs().idxmax()
        return f"Revision({self.days[0]}: {first} to {self.days[1]}: {last}; most of it: {largest})"


@checked
def revision(
    history: DealHistory,
    since: object,
    *,
    window: Sequence[object],
    measure: Measure | None = None,
    fit: Callable[[DealHistory], Funnel] = fit_funnel,
    n_draws: int = 100,
    seed: int | np.random.Generator | None = 0,
) -> Revision:
    """Explain why the forecast of a window has changed since an earlier date.

    Parameters
    ----------
    history : DealHistory
        As known now.
    since : str, date or datetime64
        The earlier date; what was recorded by its end is known to the forecast before.
    window : sequence of two dates
        First day, and the day after the last; it may have begun before either date, not ended.
    measure : {"bookings", "wins"}, optional
    fit : callable
        From a history to a funnel; at both dates.
    n_draws : int
    seed : int, Generator or None

    Returns
    -------
    Revision

    Raises
    ------
    ForecastError
        If `window` is no pair of dates, or bookings are asked for and there are no amounts.
    HistoryError, PeriodsError, ClockError
        If `since` lies after the cutoff or before the log, or the window has ended by a date.

    Notes
    -----
    The rule: between the two forecasts stands a third, of the later position under the earlier funnel. From
    the first to it all is told deal by deal (an amount that changed counts at the earlier chance, the rest of
    a deal's change at its later amount); from it to the last is the model's part.

    Examples
    --------
    >>> import funnelsim as fs
    >>> history = fs.simulate_history(seed=1)
    >>> changed = fs.revision(history, "2026-07-31", window=["2026-07-01", "2027-01-01"])
    >>> changed.table().index.tolist()[:4]
    ['2026-07-31', 'won', 'lost', 'moved on']
    """
    if isinstance(window, str) or len(window) != 2:
        raise ForecastError(f"window={window!r}: give two dates, such as ['2026-07-01', '2027-07-01']")
    then = history.as_of(since)  # type: ignore[arg-type]
    streams = Streams.of(seed)

    def at(funnel: Funnel, pipeline: Pipeline) -> Forecast:
        engine = Exact(n_draws=n_draws)
        return forecast(funnel, pipeline, periods=window, measure=measure, engine=engine, seed=streams.seed)

    funnel, position = fit(then), history.pipeline()
    before, between, after = (
        at(funnel, then.pipeline()),
        at(funnel, position),
        at(fit(history), position),
    )
    won = _won_between(history, then, between, funnel)
    told = _told_by_deal((then, history), _Side.of(before).frame, _Side.of(between).frame, won)
    new = _expected_new(between) - _expected_new(before)
    return Revision(
        before,
        after,
        (_day(then), _day(history)),
        told,
        new,
        after.mean().value - between.mean().value,
    )


def _day(history: DealHistory) -> str:
    return str(np.datetime_as_string(history.cutoff, unit="D"))


@dataclass(frozen=True, eq=False)
class _Side:
    """Open deals of one forecast: expected total, amount, chance and stage of each."""

    frame: pd.DataFrame

    @classmethod
    def of(cls, outlook: Forecast) -> _Side:
        outcome, deals = outlook.outcome, outlook.deals
        assert isinstance(outcome, ExactOutcome)
        chance = outcome.chance_in(range(len(outlook.periods)))[:, outcome.positions.of_deal]
        worth = outcome.worth(outlook.measure)
        expected = [float((chance[:, d] * prizes.moment(1)).mean()) for d, prizes in enumerate(worth)]
        frame = pd.DataFrame(
            {"expected": expected, "chance": chance.mean(axis=0), "stage": deals.stage},
            index=pd.Index(deals.deal_ids, name="deal_id"),
        )
        return cls(frame)


def _expected_new(outlook: Forecast) -> float:
    return outlook.outcome.expected(range(len(outlook.periods)), outlook.measure)[1]


def _won_between(
    history: DealHistory, then: DealHistory, outlook: Forecast, funnel: Funnel
) -> pd.Series[float]:
    """What deals won between the two dates, within the window, count as realised."""
    won = history.deals.query("outcome == 'won'").set_index("deal_id")
    step = history.clock.step_of(won["closed_at"].to_numpy()) if len(won) else np.zeros(0, np.int64)
    start, end = outlook.periods.edges[[0, -1]]
    inside = (step > then.cutoff_step) & (step >= start) & (step < end)
    if outlook.measure == "wins":
        return pd.Series(1.0, index=won.index[inside])
    mean = 0.0 if funnel.amounts is None else funnel.amounts.mean
    return won["amount"][inside].astype(float).fillna(mean)


def _told_by_deal(
    histories: tuple[DealHistory, DealHistory],
    first: pd.DataFrame,
    later: pd.DataFrame,
    won: pd.Series[float],
) -> pd.DataFrame:
    """One row for each deal and cause."""
    earlier = first.rename(columns=lambda name: f"{name}_then")
    both = earlier.join(later, how="inner")
    amount_then, amount_now = (
        side.deals.set_index("deal_id")["amount"].reindex(both.index) for side in histories
    )
    ratio = (amount_now / amount_then).where((amount_then > 0) & amount_now.notna(), 1.0)
    repriced = both["expected_then"] * (ratio - 1.0)
    went = np.sign(both["stage"].to_numpy() - both["stage_then"].to_numpy())
    cause = np.array(["slipped", "moved on", "moved back"], dtype=object)[went]
    moved = both["expected"] - both["expected_then"] - repriced
    is_repriced = ratio != 1.0
    parts = [
        _rows(both.index, cause, moved),
        _rows(both.index[is_repriced], "re-priced", repriced[is_repriced]),
    ]
    gone = first.drop(both.index)
    realised = won.reindex(gone.index)
    ended = np.where(realised.notna(), "won", "lost")
    parts.append(_rows(gone.index, ended, realised.fillna(0.0) - gone["expected"]))
    came = later.drop(both.index)["expected"]
    fresh = pd.concat([came, won.drop(gone.index.intersection(won.index))])
    return pd.concat([*parts, _rows(fresh.index, "new", fresh)], ignore_index=True)


def _rows(deal_ids: pd.Index, cause: str | npt.NDArray[Any], change: pd.Series[float]) -> pd.DataFrame:
    return pd.DataFrame({"deal_id": deal_ids.to_numpy(), "cause": cause, "change": change.to_numpy(float)})
