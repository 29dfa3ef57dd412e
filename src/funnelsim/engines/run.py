"""``forecast``: one call from a funnel and a pipeline to a forecast with the classical figure beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import numpy as np
import numpy.typing as npt

from funnelsim.engines.choose import EngineName, choose
from funnelsim.engines.montecarlo import MonteCarlo
from funnelsim.engines.protocol import Engine, EngineError
from funnelsim.engines.until import run_until
from funnelsim.nouns.forecast import (
    FROM_CUTOFF_NOTE,
    JOINT_NOTE,
    Classical,
    Forecast,
    ForecastError,
    target_amount,
)
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Measure
from funnelsim.numerics.weighted_pipeline import CLOSED_FORMULA, NOMINAL_FORMULA, weighted_pipeline
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.periods import Periods, PeriodsError
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams
from funnelsim.vocabulary.receivables import Receivables

_DAYS_UNTIL_INVOICED = 45.0  # a month's wins may be invoiced at its end
_DAYS_UNTIL_INVOICED = 45  # a month's wins may be invoiced at its end
_MOST_BLURRED = 0.002


@checked
def forecast(
    funnel: Funnel,
    pipeline: Pipeline,
    *,
    periods: str | Sequence[object] = "4Q",
    target: float | None = None,
    measure: Measure | None = None,
    fiscal_start_month: int = 1,
    engine: Engine | EngineName = "auto",
    seed: int | np.random.Generator | None = 0,
) -> Forecast:
    """Forecast wins and bookings by period, jointly, from today's pipeline and deals yet to come.

    Parameters
    ----------
    funnel : Funnel
        How deals move.
    pipeline : Pipeline
        The position at the cutoff.
    periods : str or sequence of dates
        ``"4Q"``, ``"6M"``, ``"13W"``, ``"2Y"``: the running period and those after it; or the edges.
    target : float, optional
        Amount, or number of wins, wanted in all periods together.
    measure : {"bookings", "wins", "revenue", "cash"}, optional
        What is forecast and the target counts: bookings by default, wins where there are no amounts. A target
        without amounts needs it said, lest an amount be held against a number of wins. Revenue and cash need
        a funnel with collections, and come from the futures of the Monte Carlo engine.
    fiscal_start_month : int
        Month in which the fiscal year begins.
    engine : Engine or {"auto", "exact", "montecarlo"}
        ``"auto"`` chooses and says so (``Forecast.engine``); engines with settings are `Exact`,
        `MonteCarlo`.
    seed : int, Generator or None
        The same seed gives the same answer; None takes a new one, kept in ``Forecast.seed``.

    Returns
    -------
    Forecast

    Raises
    ------
    PeriodsError, ClockError, EngineError, ForecastError, SeedError
        If the periods are not understood or do not fit the clock, funnel and pipeline do not match, `target`
        or `seed` is no number of its kind, or bookings are asked for and no won deal has an amount.

    Examples
    --------
    >>> import funnelsim as fs
    >>> history = fs.simulate_history(seed=1)
    >>> outlook = fs.forecast(fs.fit(history), history.pipeline(), periods="4Q", target=5_000_000)
    >>> outlook.table().index.tolist()
    ['2026-Q3', '2026-Q4', '2027-Q1', '2027-Q2', 'total']
    """
    wanted = None if target is None else target_amount(target)
    funnel = _without_amounts_of_zero(funnel, pipeline)
    _check_measure(funnel, measure, wanted)
    parsed = _periods_with_known_wins(periods, pipeline, fiscal_start_month)
    if measure in ("revenue", "cash") and parsed.edges[0] > parsed.cutoff_step + 1:
        raise EngineError(
            f"period {parsed.labels[0]} begins after the cutoff: {measure} from wins before it would be "
            "missing; begin with the running period"
        )
    chosen, reason = choose(engine, funnel, pipeline, measure=measure)
    streams = Streams.of(seed)
    if isinstance(chosen, MonteCarlo) and chosen.until_se is not None:
        outlook = run_until(chosen, funnel, pipeline, parsed, streams, target=wanted, measure=measure)
    else:
        outlook = chosen.run(funnel, pipeline, parsed, streams)
    notes = (
        *funnel.notes,
        *_pipeline_notes(funnel, pipeline, parsed, measure),
        *(_notes_on_flows(funnel, pipeline) if measure in ("revenue", "cash") else ()),
    )

    def told(outlook: Forecast, reason: str) -> Forecast:
        return replace(
            outlook,
            engine=f"{outlook.engine} (chosen: {reason})" if reason else outlook.engine,
            asked=measure,
            target=wanted,
            classical=_classical(funnel, pipeline, outlook.realised_bookings),
            notes=(*notes, *outlook.notes),
        )

    answer = told(outlook, reason)
    if engine == "auto" and _is_blurred(answer):  # asked of the answer itself, which keeps its law
        reason = "sums of so few amounts lie too far apart for a grid"
        answer = told(MonteCarlo().run(funnel, pipeline, parsed, streams), reason)
    return answer


def _is_blurred(outlook: Forecast) -> bool:
    """Whether the grid of the exact engine moves chances of the total by more than a fifth of a point."""
    if outlook.n_futures is not None:
        return False
    law = outlook.law()
    asked = law.quantile(np.array([0.1, 0.5, 0.9])).tolist()
    asked += [] if outlook.target is None else [outlook.target]
    return max(law.engine_error(amount) for amount in asked) > _MOST_BLURRED


def _periods_with_known_wins(
    text: str | Sequence[object], pipeline: Pipeline, fiscal_start_month: int
) -> Periods:
    periods = Periods.parse(text, pipeline.clock, pipeline.cutoff_step, fiscal_start_month=fiscal_start_month)
    if periods.edges[0] < pipeline.first_won_step:
        raise PeriodsError(
            f"period {periods.labels[0]} began more than a year before the cutoff, but wins are kept for the "
            "last twelve months; begin later"
        )
    return periods


def _check_measure(funnel: Funnel, measure: Measure | None, target: float | None) -> None:
    if measure not in (None, *get_args(Measure)):
        raise ForecastError(f"measure={measure!r} is unknown; use one of {', '.join(get_args(Measure))}")
    if measure in ("revenue", "cash") and funnel.collections is None:
        raise ForecastError(
            f"measure={measure!r}: the funnel does not know how wins are paid; give it collections, as in "
            "funnel.with_collections(Collections.by_hand(terms_days=30)), or those of fit_collections(...)"
        )
    if funnel.amounts is not None or measure == "wins" or (measure is None and target is None):
        return
    asked = f"{measure} were asked for" if measure else f"a target of {target:,.10g} was given"
    if _is_without_wins(funnel):
        raise ForecastError(
            f"{asked}, but no deal is won yet, so what a win is worth is not known; use records of a longer "
            "time, forecast the number of wins with measure='wins' (the target is a number of wins then), or "
            "write a funnel with amounts by hand: a copy of a scenario (`funnelsim scenarios`)"
        )
    raise ForecastError(
        f"{asked}, but no won deal has an amount; check which column holds the amounts (columns=), or "
        "forecast the number of wins with measure='wins': the target is a number of wins then"
    )


def _is_without_wins(funnel: Funnel) -> bool:
    return funnel.closed is not None and not funnel.closed.n_won.any()


def _without_amounts_of_zero(funnel: Funnel, pipeline: Pipeline) -> Funnel:
    """The funnel; without amounts where all are 0 or missing, so that wins are forecast and not sums of 0."""
    if funnel.amounts is None:
        return funnel
    listed = (funnel.amounts.points, pipeline.amount, pipeline.won_amount)
    has_money = any(np.nan_to_num(amounts).any() for amounts in listed)
    return funnel if has_money else replace(funnel, amounts=None)


def _classical(funnel: Funnel, pipeline: Pipeline, realised: float) -> tuple[Classical, ...]:
    """Weighted pipeline at closed-only rates, and at nominal rates where every stage has one."""
    rates: list[tuple[str, str, npt.NDArray[np.float64]]] = []
    if funnel.closed is not None and funnel.amounts is not None:
        rates.append(("weighted_pipeline", CLOSED_FORMULA, funnel.closed.rates))
    nominal = [stage.nominal_win_rate for stage in funnel.stages.open]
    if funnel.amounts is not None and None not in nominal:
        rates.append(("weighted_pipeline_nominal", NOMINAL_FORMULA, np.array(nominal, dtype=float)))
    return tuple(
        Classical(label, *weighted_pipeline(pipeline.amount, rate[pipeline.stage], realised), formula)
        for label, formula, rate in rates
    )


def _pipeline_notes(
    funnel: Funnel, pipeline: Pipeline, periods: Periods, measure: Measure | None
) -> list[str]:
    notes = [] if funnel.shock is None else [funnel.shock.in_words()]
    missing = np.isnan(pipeline.amount)
    if measure == "wins" and funnel.amounts is not None:
        return [*notes, *_notes_on_age(funnel, pipeline)]  # what amounts are missing moves no number
    if funnel.amounts is None and _is_without_wins(funnel):
        notes.append("no deal is won yet, so what a win is worth is not known: only wins are forecast")
    elif funnel.amounts is None:
        notes.append("no won deal has an amount, or all have one of 0: only the number of wins is forecast")
    elif missing.any():
        notes.append(
            f"{int(missing.sum()):,} of {pipeline.n_deals:,} open deals have no amount: "
            "it is drawn from the amounts of won deals"
        )
    unknown = np.isnan(pipeline.won_amount) & (periods.period_of(pipeline.won_step) == 0)
    if unknown.any() and funnel.amounts is not None:
        mean = f"{funnel.amounts.mean:,.0f} {funnel.unit}".rstrip()
        notes.append(
            f"{int(unknown.sum()):,} wins of the running period have no amount: what is realised counts each "
            f"with the mean of won deals, {mean}"
        )
    return [*notes, *_notes_on_age(funnel, pipeline)]


def _notes_on_flows(funnel: Funnel, pipeline: Pipeline) -> list[str]:
    """How cash and revenue were come by."""
    terms, known = funnel.collections, pipeline.receivables
    if terms is None:
        return []
    notes = [
        JOINT_NOTE,
        f"bookings, revenue ({terms.recognition.in_words}) and cash are those of the same futures; "
        f"{terms!r}".replace("Collections(", "payments: ").removesuffix(")"),
    ]
    if known is None:
        notes.append(FROM_CUTOFF_NOTE)
    else:
        notes.append(
            f"{known.n_unpaid:,} unpaid invoices worth {known.amount.sum():,.0f} {funnel.unit}".rstrip()
            + "; wins before the cutoff are taken to be among the invoices, but for instalments still to come"
        )
        notes += _notes_on_old_invoices(funnel, pipeline, known)
    if terms.recognition.how == "straight-line" and terms.recognition.months > 12:
        notes.append("revenue of wins more than twelve months before the cutoff is not in: they are not kept")
    return notes


def _notes_on_old_invoices(funnel: Funnel, pipeline: Pipeline, known: Receivables) -> list[str]:
    """Whether the invoices end so long before the cutoff that wins after them bring cash in no figure."""
    last = int(known.invoiced_step.max(initial=-1))
    later, start = pipeline.won_step > last, pipeline.clock.start_of
    days = int((start(pipeline.cutoff_step) - start(max(last, 0))) / np.timedelta64(1, "D"))
    if not later.any() or days <= _DAYS_UNTIL_INVOICED:
        return []
    worth = f"{np.nansum(pipeline.won_amount[later]):,.0f} {funnel.unit}".rstrip()
    day = np.datetime_as_string(start(max(last, 0)), unit="D")
    return [
        f"the last invoice is of {day}, {days:,} days before the cutoff: {int(later.sum()):,} wins since "
        f"then, worth {worth}, bring cash in no figure; export the invoices again"
    ]


def _notes_on_age(funnel: Funnel, pipeline: Pipeline) -> list[str]:
    """What to know of deals older than the history can speak of."""
    was_left = np.array([hazards.n_exits > 0 for hazards in funnel.hazards])[pipeline.stage]
    tails = np.array([hazards.first_age[-1] for hazards in funnel.hazards])
    old = was_left & (pipeline.age_steps >= tails[pipeline.stage])
    stand = {
        "are older in their stage than any deal that ever left it; they stay in, with the small chance the "
        "evidence leaves them": old,
        "stand in a stage that no deal has been seen to leave; they stay in, hardly ever won": ~was_left,
    }
    notes = []
    for what, which in stand.items():
        if which.any():
            listed = float(np.nansum(pipeline.amount[which]))
            worth = f", worth {listed:,.0f} {funnel.unit}".rstrip() + "," if listed else ""
            notes.append(f"{int(which.sum()):,} of {pipeline.n_deals:,} open deals{worth} {what}")
    return notes
