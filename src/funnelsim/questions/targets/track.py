"""Track: plan against actual at any date, what chance alone may do, and which factor explains the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.engines.exact import Exact
from funnelsim.engines.montecarlo import MonteCarlo
from funnelsim.engines.run import forecast
from funnelsim.fitting.fit import fit as fit_funnel
from funnelsim.nouns.forecast import Forecast
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.invoices import Invoices
from funnelsim.nouns.law import Law, Measure
from funnelsim.nouns.table import LUCK, told
from funnelsim.questions.targets.asked import check_amounts, check_asked
from funnelsim.questions.targets.came import FACTORS, Came
from funnelsim.questions.targets.cause import named_cause
from funnelsim.questions.targets.luck import two_sided
from funnelsim.questions.targets.paid import collected, known_by, paid_by_period, with_payments
from funnelsim.questions.targets.plan import Plan
from funnelsim.questions.targets.quotas import TargetError, units_in_one
from funnelsim.questions.targets.shares import fair_shares
from funnelsim.vocabulary.display import PERCENT, Shown
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]

_FUTURES_A_DRAW = 50  # of cash, which no exact engine knows


@dataclass(frozen=True, eq=False)
class Track(Shown):
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
    invoices : Invoices, optional
        As known now, where the plan is one of cash.
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
    invoices: Invoices | None = None

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

    def _column_units(self) -> Mapping[str, str]:
        unit = self.before.unit if self.before.is_money else "wins"
        amounts = ("plan", "actual", "expected", "p10", "p50", "p90", "change", "level")
        return dict.fromkeys(amounts, unit) | {"deviation": PERCENT}

    def table(self) -> pd.DataFrame:
        """Plan against actual by period that has begun, and so far in total.

        Returns
        -------
        DataFrame
            Index: period, then ``so far``; amounts in the unit of the plan. ``plan`` until now (of a running
            period by days), ``actual``, ``deviation`` as a share of the plan, ``asks_for_a_cause`` (beyond
            the tolerance), and from the forecast made at the plan date ``expected``, ``p10``, ``p90`` and
            ``chance_alone``: twice the smaller of the chances that chance, parameters and the shared shock
            alone bring as much, or as little.

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
        return told(pd.DataFrame(rows, index=pd.Index(names, name="period")), self._column_units())

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
        return told(pd.DataFrame(rows, index=pd.Index([*names, "plan"], name="period")), self._column_units())

    @cached_property
    def came(self) -> Came:
        """What came since the plan date beside what its funnel expected."""
        return Came.between(self.then, self.now, self.funnel, self.before)

    def factors(self) -> pd.DataFrame:
        """Which factor explains the deviation, from the plan so far to the actual, to the cent.

        Returns
        -------
        DataFrame
            Index: ``plan``; ``aim`` (what could be expected at the plan date, less the plan); ``volume``,
            ``conversion``, ``cycle`` and, with amounts, ``yield``: the change of the expected total when the
            factor is as it came; for a plan of cash also ``collection``; ``chance``: the rest, such as which
            of the deals were won; ``actual``. ``change`` and ``level`` after it, in whole cents: they add up
            exactly.

        Notes
        -----
        Factors work together (more deals are worth more at a better conversion), so each is replaced in every
        order and its changes are averaged (Shapley). What came of a factor holds luck as well, and is held
        back for it: the ratio of what came to what was expected counts with the weight ``1 / (1 + 4 v)``,
        where v is its relative variance by luck. For exits and new deals that is four events' worth of "as
        expected"; for amounts per win, n wins weigh against four times the squared coefficient of variation
        of amounts. What is held back is in ``chance``. Amount per win is a factor also where larger deals
        were won than is usual.

        Collection is what was paid over what was expected of the same invoices: those unpaid at the plan
        date, and those sent since. Of bookings and wins it is no factor: nothing is collected before it is
        won (:attr:`notes` says so). Invoices sent later than with the win, or of another amount, are in
        ``chance``.
        """
        names = [name for name in FACTORS if name != "yield" or self.before.measure != "wins"]
        names += ["collection"] if self.before.measure == "cash" else []
        shares = fair_shares(names, self._expected_with)
        steps = {"plan": self.plan_so_far.sum(), "aim": self._expected_with(frozenset())}
        level, levels = steps["aim"], dict(steps)
        for name in names:
            level += float(shares[name])
            levels[name] = level
        levels["chance"] = levels["actual"] = self.actual.sum()
        # Levels are rounded, not changes: so the changes are whole cents and add up.
        scale = 100 if self.before.measure == "wins" else units_in_one(self.before.measure)
        cents = np.array([round(float(value) * scale) for value in levels.values()])
        changes = np.concatenate([[0], np.diff(cents)])
        frame = pd.DataFrame({"change": changes / scale, "level": cents / scale}, index=list(levels))
        return told(frame.rename_axis("factor"), self._column_units(), LUCK)

    def _expected_with(self, factors: frozenset[str]) -> float:
        """Expected total when some factors are as they came."""
        of_deals = factors - {"collection"}
        if of_deals not in self._known:
            funnel = self.came.on(self.funnel, of_deals) if of_deals else self.funnel
            before, engine = self.before, _engine(self.before.measure, self.before.n_draws)
            position = _position(self.then, self.invoices)
            outlook = engine.run(funnel, position, before.periods, Streams(self.seed))
            self._known[of_deals] = outlook.mean(measure=before.measure).value
        return self._known[of_deals] * (self.collected if "collection" in factors else 1.0)

    @cached_property
    def _known(self) -> dict[frozenset[str], float]:
        """Expected totals that have been asked for."""
        return {}

    @property
    def collected(self) -> float:
        """Paid over expected since the plan date, both of the invoices that there were; 1 without any."""
        return self._collection[0]

    @cached_property
    def _collection(self) -> tuple[float, float]:
        """The same, and the chance that luck alone does it."""
        terms = self.funnel.collections
        if self.invoices is None or terms is None:
            return 1.0, 1.0
        steps = self.then.cutoff_step, self.now.cutoff_step
        return collected(
            self.invoices, terms, self.now.clock, *steps, Streams(self.seed), self.before.n_draws
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know."""
        said = list(self.before.notes) if self.before.measure == "cash" else []
        if self.before.measure != "cash":
            said.append(
                f"the plan is one of {self.before.measure}: collection is no factor of it; a plan of cash is "
                "followed with measure='cash' and invoices="
            )
        if self.now.last_arrival_step <= self.then.cutoff_step:
            until = self.now.clock.start_of(self.now.last_arrival_step).astype("datetime64[D]")
            said.append(
                f"new deals are taken to be recorded only until {until}, before the plan was made: volume is "
                "not known and counts as expected; if none have come since, say so with arrivals_until= of "
                "read_deals"
            )
        return tuple(said)

    def verdict(self) -> str:
        """The state of the plan in one sentence.

        A cause is named where it is no luck: see ``came.luck``, the chance that luck alone brings each factor
        so far (below 1 %). Chance is named only where it brings such totals in 5 % of cases or more.
        """
        so_far = f"{100 * self.deviation:+.1f} % of the plan so far"
        if abs(self.deviation) <= self.tolerance:
            return f"{so_far}: within {100 * self.tolerance:.0f} %"
        luck = self.came.luck | {"collection": self._collection[1]}
        cause = named_cause(self.factors()["change"].iloc[1:-1], luck, self.chance_alone)
        return (
            f"{so_far}, beyond {100 * self.tolerance:.0f} %: chance alone goes so far from what was expected "
            f"in {100 * self.chance_alone:.1f} % of cases; {cause}"
        )

    def __repr__(self) -> str:
        return f"Track({self.plan.labels[0]} to {self.plan.labels[-1]}: {self.verdict()})"


@checked
def track(
    history: DealHistory,
    plan: Mapping[str, float],
    *,
    planned_on: object = None,
    measure: Measure | None = None,
    invoices: Invoices | None = None,
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
    measure : {"bookings", "wins", "cash"}, optional
        Bookings by default.
    invoices : Invoices, optional
        Needed for cash, and only for it: what has been paid, known until the history's cutoff.
    tolerance : float
        Deviation beyond which a cause is asked for: 15 %.
    fit : callable
        From a history to a funnel; at the plan date and now. If it knows no collections, they are fitted to
        the invoices known then.
    n_draws : int
    seed : int, Generator or None

    Returns
    -------
    Track

    Raises
    ------
    TargetError
        If the plan is none, has not begun, or the tolerance is negative; if no win known at the plan date has
        an amount and the plan is not one of wins; if cash is to be followed without invoices, or from a day
        that leaves a gap before the plan begins.
    HistoryError, InvoicesError, ForecastError, PeriodsError, ClockError
        If nothing is known at the plan date, or periods do not fit the clock.

    Examples
    --------
    >>> import funnelsim as fs
    >>> history = fs.simulate_history(seed=1)
    >>> plan = {"2026-07": 400_000, "2026-08": 400_000, "2026-09": 450_000}
    >>> fs.track(history, plan, n_draws=20).table().index.tolist()
    ['2026-07', '2026-08', 'so far']
    """
    check_asked(tolerance, measure, invoices)
    laid, now, streams = Plan.of(plan), _next_moment(history), Streams.of(seed)
    if now <= laid.edges[0]:
        raise TargetError(f"the plan begins on {laid.edges[0]}: nothing has come yet by {history.cutoff}")
    day_before = str((laid.edges[0] - np.timedelta64(1, "D")).astype("datetime64[D]"))
    then = history.as_of(day_before if planned_on is None else planned_on)  # type: ignore[arg-type]
    if measure == "cash" and _next_moment(then) < laid.edges[0]:
        raise TargetError(
            f"a plan of cash is followed from the day before it begins, {day_before}: what is won between "
            f"{planned_on!r} and then would be missing from it"
        )
    invoices = None if invoices is None else known_by(invoices, history)

    def outlook(known: DealHistory, funnel: Funnel, edges: list[np.datetime64]) -> Forecast:
        return forecast(
            funnel,
            _position(known, invoices),
            periods=edges,
            measure=measure,
            engine=_engine(measure, n_draws),
            seed=streams.seed,
        )

    funnel, running = (with_payments(fit(known), known, invoices) for known in (then, history))
    starts = laid.edges[:-1]
    before = outlook(then, funnel, [*starts[starts < now], min(now, laid.edges[-1])])
    check_amounts(measure, before, then)
    measure = before.measure
    left = laid.edges[np.searchsorted(laid.edges, now, side="right") - 1 :]
    ahead = outlook(history, running, list(left)) if len(left) > 1 else None
    actual = _actual(history, laid, measure, running) if invoices is None else paid_by_period(invoices, laid)
    return Track(laid, then, history, funnel, before, ahead, actual, tolerance, streams.seed, invoices)


def _engine(measure: Measure | None, n_draws: int) -> Exact | MonteCarlo:
    """The exact engine, where it knows the measure."""
    return MonteCarlo(_FUTURES_A_DRAW * n_draws, n_draws) if measure == "cash" else Exact(n_draws=n_draws)


def _position(known: DealHistory, invoices: Invoices | None) -> Pipeline:
    pipeline = known.pipeline()
    return pipeline if invoices is None else pipeline.with_invoices(invoices)


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
