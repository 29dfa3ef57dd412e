"""What became of reps' hours: use of capacity, waits, work left undone, deals lost for want of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.nouns.table import told
from funnelsim.vocabulary.display import Shown, several
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.estimate import Estimate

Floats = npt.NDArray[np.float64]


class CapacityError(FunnelsimError):
    """A question about reps, stages or periods that a forecast's capacity does not have."""


@dataclass(frozen=True, eq=False)
class CapacityUse(Shown):
    """How far the reps' hours went: use of capacity, waits, work left undone, deals lost for want of time.

    Parameters
    ----------
    labels : tuple of str
        Periods.
    stage_names, rep_names : tuple of str
    steps : ndarray of shape (n_periods,)
        Steps of each period after the cutoff.
    step : str
        The clock's step: waits are in these.
    n_draws : int
        Parameter draws; futures of one draw stand together. Standard errors come from the spread over draws,
        as if these were independent, which is on the safe side.
    available, worked : ndarray of shape (n_futures, n_reps, n_periods)
        Hours each rep could work and did work; a replacement counts as the rep it replaces.
    waited, asked, neglected : ndarray of shape (n_futures, n_open, n_periods)
        Deal-steps spent waiting for a rep, requests for work, and deals lost because nobody had time.
    waiting_deals, waiting_hours : ndarray of shape (n_futures, n_periods)
        Deals that wait at the end of each period, and the hours of work they need.
    disqualified, left_with_rep : ndarray of shape (n_futures, n_periods)
        Deals dropped by the check, and lost because their rep left.
    usual_waits : DataFrame
        The split of stays at the history's load: :meth:`Usual.table`.
    """

    labels: tuple[str, ...]
    stage_names: tuple[str, ...]
    rep_names: tuple[str, ...]
    steps: Floats
    step: str
    n_draws: int
    available: Floats
    worked: Floats
    waited: Floats
    asked: Floats
    neglected: Floats
    waiting_deals: Floats
    waiting_hours: Floats
    disqualified: Floats
    left_with_rep: Floats
    usual_waits: pd.DataFrame

    def use(self, rep: str | None = None, period: str | None = None) -> Estimate:
        """Share of the available hours that was worked, with its standard error; NaN without any hours.

        Parameters
        ----------
        rep, period : str, optional
            All by default.

        Raises
        ------
        CapacityError
            If none has this name.
        """
        reps = slice(None) if rep is None else [_place(self.rep_names, rep, "rep")]
        columns = self._columns(period)
        return self._ratio(self.worked[:, reps][..., columns], self.available[:, reps][..., columns])

    def wait(self, stage: str, period: str | None = None) -> Estimate:
        """Steps waited for a rep per request for work, with its standard error.

        Deal-steps spent waiting over requests: those who still wait count for as long as they have waited,
        so that a growing queue is not told by the lucky ones alone (Little's law).
        """
        s, columns = [_place(self.stage_names, stage, "stage")], self._columns(period)
        return self._ratio(self.waited[:, s][..., columns], self.asked[:, s][..., columns])

    def lost_by_neglect(self, stage: str | None = None, period: str | None = None) -> Estimate:
        """Expected number of deals lost because nobody had time for them, with its standard error."""
        s = slice(None) if stage is None else [_place(self.stage_names, stage, "stage")]
        return self._mean(self.neglected[:, s][..., self._columns(period)].sum(axis=(1, 2)))

    def table(self) -> pd.DataFrame:
        """By period and in total: use of capacity, waits, backlog, losses; each figure with its error.

        Returns
        -------
        DataFrame
            Index: periods and ``total``. ``use``: share of the hours that is worked (0..1); ``waiting``: mean
            number of deals that wait; ``wait`` per request, in steps of the clock; ``backlog_deals`` and
            ``backlog_hours`` of work left at the end of the period; ``neglected``, ``disqualified`` and
            ``left_with_rep``: numbers of deals lost; ``..._se``: standard errors, in the units of their
            figures.
        """
        rows = [self._row(period) for period in (*self.labels, None)]
        return told(
            pd.DataFrame(rows, index=pd.Index([*self.labels, "total"], name="period")), self._column_units()
        )

    def by_stage(self) -> pd.DataFrame:
        """By open stage, all periods together: requests, wait per request, deals neglected, with errors.

        Returns
        -------
        DataFrame
            Index: open stage. ``requests`` for a rep's time; ``wait`` per request, in steps of the clock;
            ``neglected`` deals; each with ``..._se``.
        """
        rows = []
        for s, name in enumerate(self.stage_names):
            figures = {
                "requests": self._mean(self.asked[:, s].sum(axis=1)),
                "wait": self.wait(name),
                "neglected": self.lost_by_neglect(name),
            }
            rows.append(_flat(figures))
        return told(pd.DataFrame(rows, index=pd.Index(self.stage_names, name="stage")), self._column_units())

    def by_rep(self) -> pd.DataFrame:
        """By rep, all periods together: hours available and worked, and their ratio, with errors.

        Returns
        -------
        DataFrame
            Index: rep. ``available`` and ``worked`` in hours, and ``use``: one over the other (0..1); each
            with ``..._se``.
        """
        rows = []
        for r, name in enumerate(self.rep_names):
            figures = {
                "available": self._mean(self.available[:, r].sum(axis=1)),
                "worked": self._mean(self.worked[:, r].sum(axis=1)),
                "use": self.use(name),
            }
            rows.append(_flat(figures))
        return told(pd.DataFrame(rows, index=pd.Index(self.rep_names, name="rep")), self._column_units())

    def _column_units(self) -> Mapping[str, str]:
        hours = dict.fromkeys(("backlog_hours", "available", "worked"), "hours")
        return hours | {"wait": several(self.step)}

    def __repr__(self) -> str:
        use = self.use()
        return f"CapacityUse({len(self.rep_names)} reps, {100 * use.value:.0f} % of their hours used)"

    def _row(self, period: str | None) -> dict[str, float]:
        columns = self._columns(period)
        waited = self.waited[..., columns].sum(axis=(1, 2))
        last = columns[-1]
        figures = {
            "use": self.use(period=period),
            "waiting": self._mean(waited / self.steps[columns].sum()),
            "wait": self._ratio(self.waited[..., columns], self.asked[..., columns]),
            "backlog_deals": self._mean(self.waiting_deals[:, last]),
            "backlog_hours": self._mean(self.waiting_hours[:, last]),
            "neglected": self.lost_by_neglect(period=period),
            "disqualified": self._mean(self.disqualified[:, columns].sum(axis=1)),
            "left_with_rep": self._mean(self.left_with_rep[:, columns].sum(axis=1)),
        }
        return _flat(figures)

    def _columns(self, period: str | None) -> list[int]:
        return list(range(len(self.labels))) if period is None else [_place(self.labels, period, "period")]

    def _by_draw(self, per_future: Floats) -> Floats:
        means: Floats = per_future.reshape(self.n_draws, -1).mean(axis=1)
        return means

    def _mean(self, per_future: Floats) -> Estimate:
        by_draw = self._by_draw(per_future)
        return Estimate(float(by_draw.mean()), float(by_draw.std(ddof=1) / np.sqrt(self.n_draws)))

    def _ratio(self, top: Floats, bottom: Floats) -> Estimate:
        """Ratio of sums; its error by the delta method over draws."""
        above = self._by_draw(top.reshape(len(top), -1).sum(axis=1))
        below = self._by_draw(bottom.reshape(len(bottom), -1).sum(axis=1))
        if below.sum() == 0:
            return Estimate(float("nan"), float("nan"))
        ratio = float(above.sum() / below.sum())
        spread = float(np.std(above - ratio * below, ddof=1) / np.sqrt(self.n_draws))
        return Estimate(ratio, spread / float(below.mean()))


def _place(names: tuple[str, ...], name: str, what: str) -> int:
    if name not in names:
        raise CapacityError(f"no {what} is called {name!r}; they are {', '.join(names) or 'none'}")
    return names.index(name)


def _flat(figures: dict[str, Estimate]) -> dict[str, float]:
    flat: dict[str, float] = {}
    for name, figure in figures.items():
        flat |= {name: figure.value, f"{name}_se": figure.standard_error}
    return flat
