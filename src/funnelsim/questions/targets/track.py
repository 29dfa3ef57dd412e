"""Track: plan against actual at any date, what chance alone may do, and which factor explains the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.engines.exact import Exact
from funnelsim.engines.run import forecast
from funnelsim.fitting.fit import fit as fit_funnel
from funnelsim.nouns.forecast import Forecast
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.law import Law, Measure
from funnelsim.questions.targets.came import FACTORS, Came
from funnelsim.questions.targets.plan import Plan
from funnelsim.questions.targets.quotas import TargetError, is_paid_later, units_in_one
from funnelsim.questions.targets.shares import fair_shares
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Track:
    """A plan against what came. Made by :func:`track`.

    Parameters
    ----------
    plan : Plan
    then, now : DealHistory
        As known when the plan was made, and now.
    funnel : Funnel
        Of the plan date.
    before : Forecast
        Made at the plan date, of each period of the plan until now.
    ahead : Forecast or None
        Made now, of what is left of the plan; None when the plan has ended.
    actual : ndarray of shape (n_periods,)
        What each period of the plan has brought so far.
    tolerance : float
        Deviation beyond which a cause is asked for.
    seed : int
    """

    plan: Plan
    then: DealHistory
    now: DealHistory
    funnel: Funnel
    before: Forecast
    ahead: Forecast | None
    actual: Floats
    tolerance: float
    seed: int

    @property
    def plan_so_far(self) -> Floats:
        """The plan until now, shape (n_periods,): of a running period the share of its days that passed."""
        return self.plan.amounts * self.plan.elapsed(_next_moment(self.now))

    @property
    def deviation(self) -> float:
        """Actual over plan so far, less 1."""
        return _over(self.actual.sum(), self.plan_so_far.sum())

    @property
    def chance_alone(self) -> float:
        """Twice the smaller chance, above or below, of a total as far out in the plan date's forecast."""
        return two_sided(self.before.law(), float(self.actual.sum()))

    def table(self) -> pd.DataFrame:
        """Plan against actual by period that has begun, and so far in total.

        Returns
        -------
        DataFrame
            Index: period, then ``so far``. ``plan`` until now (of a running period by days), ``actual``,
            ``deviation`` as a share of the plan, ``asks_for_a_cause`` (beyond the tolerance), and from the
            forecast made at the plan date ``expected``, ``p10``, ``p90`` and ``chance_alone``: twice the
            smaller of the chances that chance, parameters and the shared shock alone bring as much, or as
            little.

        Notes
        -----
        A plan may be missed because it was not what could be expected: then the deviation is large and chance
        alone brings it often. :meth:`factors` tells the two apart.
        """
        begun = len(self.before.periods)
        rows = [
            self._row(float(self.plan_so_far[k]), float(self.actual[k]), self.before.law([label]))
            for k, label in enumerate(self.before.periods.labels)
        ]
        rows.append(self._row(float(self.plan_so_far.sum()), float(self.actual.sum()), self.before.law()))
        names = [*self.plan.labels[:begun], "so far"]
        return pd.DataFrame(rows, index=pd.Index(names, name="period"))

    def _row(self, plan: float, actual: float, law: Law) -> dict[str, object]:
        deviation = _over(actual, plan)
        p10, p90 = law.quantile(np.array([0.1, 0.9])).tolist()
        return {
            "plan": plan,
            "actual": actual,
            "deviation": deviation,
            "asks_for_a_cause": bool(abs(deviation) > self.tolerance),
            "expected": float(law.mean_by_draw().mean()),
            "p10": p10,
            "p90": p90,
            "chance_alone": two_sided(law, actual),
        }

    def course(self) -> pd.DataFrame:
        """The expected course: what each period that has not ended may still come to, and the whole plan.

        Returns
        -------
        DataFrame
            Index: period, then ``plan`` for all of it, ended periods included. ``plan``, ``actual`` so far,
            ``expected`` in the end, ``p10``, ``p50``, ``p90``, and ``chance`` to reach the plan, with
            ``chance_se``. Only the last row when the plan has ended.
        """
        ended = len(self.plan.labels) - (0 if self.ahead is None else len(self.ahead.periods))
        done, whole = float(self.actual[:ended].sum()), float(self.plan.amounts.sum())
        names, rows = list(self.plan.labels[ended:]), []
        if self.ahead is None:
            total = dict.fromkeys(("actual", "expected", "p10", "p50", "p90"), done)
            rows.append({"plan": whole} | total | {"chance": float(done >= whole), "chance_se": 0.0})
        else:
            for k, label in enumerate(self.ahead.periods.labels):
                amounts = (float(self.plan.amounts[ended + k]), float(self.actual[ended + k]), 0.0)
                rows.append(_course_row(self.ahead, [label], *amounts))
            rows.append(_course_row(self.ahead, None, whole, float(self.actual.sum()), done))
        return pd.DataFrame(rows, index=pd.Index([*names, "plan"], name="period"))

    @cached_property
    def came(self) -> Came:
        """What came since the plan date beside what its funnel expected."""
        return Came.between(self.then, self.now, self.funnel, self.before.n_draws, self.seed)

    def factors(self) -> pd.DataFrame:
        """Which factor explains the deviation, from the plan so far to the actual, to the cent.

        Returns
        -------
        DataFrame
            Index: ``plan``; ``aim`` (what could be expected at the plan date, less the plan); ``volume``,
            ``conversion``, ``cycle`` and, with amounts, ``yield``: the change of the expected total when the
            factor is as it came; ``chance``: the rest, such as which of the deals were won; ``actual``.
            ``change`` and ``level`` after it, in whole cents: they add up exactly.

        Notes
        -----
        Factors work together (more deals are worth more at a better conversion), so each is replaced in every
        order and its changes are averaged (Shapley). What came of a factor holds luck as well: that of a few
        exits is held back by what all stages show together (four exits' worth).
        """
        names = [name for name in FACTORS if name != "yield" or self.before.measure == "bookings"]
        shares = fair_shares(names, self._expected_with)
        steps = {"plan": self.plan_so_far.sum(), "aim": self._expected_with(frozenset())}
        level, levels = steps["aim"], dict(steps)
        for name in names:
            level += float(shares[name])
            levels[name] = level
        levels["chance"] = levels["actual"] = self.actual.sum()
        # Levels are rounded, not changes: so the changes are whole cents and add up.
        scale = units_in_one(self.before.measure) if self.before.measure == "bookings" else 100
        cents = np.array([round(float(value) * scale) for value in levels.values()])
        changes = np.concatenate([[0], np.diff(cents)])
        frame = pd.DataFrame({"change": changes / scale, "level": cents / scale}, index=list(levels))
        return frame.rename_axis("factor")

    def _expected_with(self, factors: frozenset[str]) -> float:
        funnel = self.came.on(self.funnel, factors) if factors else self.funnel
        before, engine = self.before, Exact(n_draws=self.before.n_draws)
        outlook = engine.run(funnel, self.then.pipeline(), before.periods, Streams(self.seed))
        return outlook.mean(measure=before.measure).value

    def verdict(self) -> str:
        """The state of the plan in one sentence."""
        so_far = f"{100 * self.deviation:+.1f} % of the plan so far"
        if abs(self.deviation) <= self.tolerance:
            return f"{so_far}: within {self.tolerance:.0%}"
        rows = self.factors()["change"].iloc[1:-1]
        largest = (np.sign(self.deviation) * rows).idxmax()
        why = {"aim": "the plan was not what could be expected", "chance": "no factor, but chance"}
        return (
            f"{so_far}, beyond {self.tolerance:.0%}: chance alone goes so far from what was expected in "
            f"{self.chance_alone:.1%} of cases; most of it: {why.get(str(largest), largest)}"
        )

    def __repr__(self) -> str:
        return f"Track({self.plan.labels[0]} to {self.plan.labels[-1]}: {self.verdict()})"


def track(
    history: DealHistory,
    plan: Mapping[str, float],
    *,
    planned_on: object = None,
    measure: Measure | None = None,
    tolerance: float = 0.15,
    fit: Callable[[DealHistory], Funnel] = fit_funnel,
    n_draws: int = 100,
    seed: int | np.random.Generator | None = 0,
) -> Track:
    """Hold a plan against what came until the history's cutoff, and say whether it is more than chance.

    Parameters
    ----------
    history : DealHistory
        As known now; ``history.as_of(date)`` for another date.
    plan : mapping of str to float
        Amounts, or wins, by month (``"2026-07"``), quarter (``"2026-Q3"``) or year (``"2026"``).
    planned_on : str, date or datetime64, optional
        When the plan was made; by default the day before it begins.
    measure : {"bookings", "wins"}, optional
    tolerance : float
        Deviation beyond which a cause is asked for: 15 %.
    fit : callable
        From a history to a funnel; at the plan date and now.
    n_draws : int
    seed : int, Generator or None

    Returns
    -------
    Track

    Raises
    ------
    TargetError
        If the plan is none, has not begun, or the tolerance is negative.
    HistoryError, ForecastError, PeriodsError, ClockError
        If nothing is known at the plan date, or periods do not fit the clock.

    Examples
    --------
    >>> import funnelsim as fs
    >>> history = fs.simulate_history(seed=1)
    >>> plan = {"2026-07": 400_000, "2026-08": 400_000, "2026-09": 450_000}
    >>> fs.track(history, plan, n_draws=20).table().index.tolist()
    ['2026-07', '2026-08', 'so far']
    """
    if not 0.0 <= tolerance < np.inf:
        raise TargetError(f"tolerance={tolerance!r} must be 0 or more; write 15 % as 0.15")
    if is_paid_later(measure):
        raise TargetError(f"measure={measure!r}: a plan is followed in bookings or wins")
    laid, now, streams = Plan.of(plan), _next_moment(history), Streams.of(seed)
    if now <= laid.edges[0]:
        raise TargetError(f"the plan begins on {laid.edges[0]}: nothing has come yet by {history.cutoff}")
    day_before = str((laid.edges[0] - np.timedelta64(1, "D")).astype("datetime64[D]"))
    then = history.as_of(day_before if planned_on is None else planned_on)  # type: ignore[arg-type]
    begun, engine = laid.edges[:-1] < now, Exact(n_draws=n_draws)
    funnel, running = fit(then), fit(history)
    until_now = [*laid.edges[:-1][begun], min(now, laid.edges[-1])]
    before = forecast(
        funnel, then.pipeline(), periods=until_now, measure=measure, engine=engine, seed=streams.seed
    )
    left = laid.edges[np.searchsorted(laid.edges, now, side="right") - 1 :]
    ahead = None
    if len(left) > 1:
        ahead = forecast(
            running,
            history.pipeline(),
            periods=list(left),
            measure=before.measure,
            engine=engine,
            seed=streams.seed,
        )
    actual = _actual(history, laid, before.measure, running)
    return Track(laid, then, history, funnel, before, ahead, actual, tolerance, streams.seed)


def two_sided(law: Law, total: float) -> float:
    """Twice the smaller chance of reaching a total, or of not exceeding it; at most 1."""
    beside = 4e-9 * max(abs(total), 1.0)  # beyond what counts as reaching it
    reaches = float(law.chance_by_draw(total).mean())
    exceeds = float(law.chance_by_draw(total + beside).mean())
    return float(np.clip(2.0 * min(reaches, 1.0 - exceeds), 0.0, 1.0))


def _next_moment(history: DealHistory) -> np.datetime64:
    """The moment after the last step that is known."""
    return np.datetime64(str(history.clock.start_of(history.cutoff_step + 1)), "s")


def _over(actual: float, plan: float) -> float:
    return float(actual / plan - 1.0) if plan > 0 else np.nan


def _actual(history: DealHistory, plan: Plan, measure: Measure, funnel: Funnel) -> Floats:
    """What each period of a plan has brought; wins without an amount count the mean of the others."""
    won = history.deals.query("outcome == 'won'")
    period = np.searchsorted(plan.edges, won["closed_at"].to_numpy("datetime64[s]"), side="right") - 1
    inside = (period >= 0) & (period < len(plan.amounts))
    mean = 0.0 if funnel.amounts is None else funnel.amounts.mean
    amount = won["amount"].astype(float).fillna(mean).to_numpy()
    worth = amount if measure == "bookings" else np.ones(len(won))
    return np.bincount(period[inside], worth[inside], minlength=len(plan.amounts)).astype(float)


def _course_row(
    outlook: Forecast, window: list[str] | None, plan: float, actual: float, done: float
) -> dict[str, float]:
    """A period, or with what has been done before it the whole plan."""
    law, chance = outlook.law(window), outlook.chance(max(plan - done, 0.0), window)
    p10, p50, p90 = (law.quantile(np.array([0.1, 0.5, 0.9])) + done).tolist()
    told = {"plan": plan, "actual": actual, "expected": float(law.mean_by_draw().mean()) + done}
    told |= {"p10": p10, "p50": p50, "p90": p90}
    return told | {"chance": chance.value, "chance_se": chance.standard_error}
