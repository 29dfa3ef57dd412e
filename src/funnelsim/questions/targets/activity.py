"""Activity plan: from a target back to wins, visits, deals by stage and leads, per week and person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from funnelsim.nouns.forecast import target_amount
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Measure
from funnelsim.nouns.table import told
from funnelsim.numerics.incidence import observed_routes
from funnelsim.questions.targets.course import Course, as_written
from funnelsim.questions.targets.quotas import TargetError
from funnelsim.vocabulary.display import PERCENT
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.randomness import Streams
from funnelsim.vocabulary.uncertainty import check_draws, check_interval
from funnelsim.vocabulary.words import did_you_mean

Floats = npt.NDArray[np.float64]

LEADS, VISITS, WINS, BOOKINGS = "new deals", "visits", "wins", "bookings"


@checked
def activity_plan(
    funnel: Funnel,
    target: float,
    *,
    weeks: float,
    people: float = 1,
    visits: Mapping[str, float] | None = None,
    activities: Mapping[str, Mapping[str, float]] | None = None,
    course: Sequence[float] | None = None,
    measure: Measure | None = None,
    interval: float = 0.8,
    n_draws: int = 200,
    seed: int | np.random.Generator | None = 0,
) -> pd.DataFrame:
    """What a target asks for: wins, deals that must reach each stage, visits, new deals; by week and person.

    Parameters
    ----------
    funnel : Funnel
        Its conversions, win rates and amounts, those of the whole history.
    target : float
        Bookings, or wins.
    weeks : float
        Over which the work is spread.
    people : float
        Who share it.
    visits : mapping of str to float, optional
        Visits that a deal needs, on average, each time it enters a stage: ``{"Qualify": 2, "Proof": 3}``. A
        deal that comes back to a stage is visited again.
    activities : mapping of str to mapping, optional
        Other work in the same way, by name: ``{"calls": {"Qualify": 5}}``.
    course : sequence of float, optional
        Rates of the course formula by stage, the last one the win rate (0.5, 0.5, 0.48, 0.5 for
        100-50-25-12-6): its figures are the first column.
    measure : {"bookings", "wins"}, optional
        What the target counts; bookings where there are amounts.
    interval : float
        Share of the draws of the parameters that each range holds.
    n_draws : int
    seed : int, Generator or None

    Returns
    -------
    DataFrame
        Index: ``new deals``, each open stage (deals that must reach it), ``visits`` and other activities
        where they are given, ``wins``, and ``bookings`` where there are amounts. ``course`` where its rates
        are given; ``needed`` with ``low`` and ``high``; ``per_week`` and ``per_week_per_person``, each with
        ``_low`` and ``_high``; ``counts``, what a row counts, which is its unit: "deals", "work" (visits,
        calls) or an "amount" in the unit of the funnel.

    Raises
    ------
    TargetError
        If a number is none, the course or the visits do not fit the stages, or no deal can be won.

    Notes
    -----
    The flow of a steady business: what reaches the end of the funnel within these weeks began earlier by the
    sales cycle, and what begins within them ends later. Ranges say how badly the rates are known; luck comes
    on top of that. What open deals will bring is not taken off: :func:`split_target` and the forecast know
    them. Several entries into one stage count once for the deals, and each time for their visits. Visits per
    entry are taken as certain: ranges of visits come from the number of entries.

    Examples
    --------
    >>> import funnelsim as fs
    >>> activity_plan(fs.sample_funnel(), 1_000_000, weeks=13, people=4).index.tolist()
    ['new deals', 'Qualify', 'Develop', 'Solution', 'Proof', 'Close', 'wins', 'bookings']
    >>> plan = activity_plan(fs.sample_funnel(), 1_000_000, weeks=13, visits={"Qualify": 1, "Proof": 3})
    >>> plan.index[plan["counts"] == "work"].tolist()
    ['visits']
    """
    wanted = target_amount(target)
    for name, number in (("weeks", weeks), ("people", people)):
        check_positive(name, number)
    check_draws(n_draws, TargetError)
    check_interval(interval, TargetError)
    if measure == "bookings" and funnel.amounts is None:
        raise TargetError("the data has no amounts, so the target is a number of wins: measure='wins'")
    is_money = measure != "wins" and funnel.amounts is not None
    work = _work(funnel, visits, activities)
    needed = _needed(funnel, wanted, is_money, work, Streams.of(seed), n_draws)
    stages = [stage.name for stage in funnel.stages.open]
    names = [LEADS, *stages, *work, WINS, *([BOOKINGS] if is_money else [])]
    tails = [(1 - interval) / 2, (1 + interval) / 2]
    columns: dict[str, object] = {}
    for name, share in (("needed", 1.0), ("per_week", weeks), ("per_week_per_person", weeks * people)):
        low, high = np.quantile(needed / share, tails, axis=0)
        prefix = "" if name == "needed" else f"{name}_"
        columns |= {name: np.median(needed / share, axis=0), f"{prefix}low": low, f"{prefix}high": high}
    columns["counts"] = [
        "work" if name in work else "amount" if is_money and name == BOOKINGS else "deals" for name in names
    ]
    frame = pd.DataFrame(columns, index=pd.Index(names, name="activity"))
    if course is not None:
        frame.insert(0, "course", _by_course(funnel, wanted, course, is_money, work))
    return told(frame, None, {BOOKINGS: f"bookings, {funnel.unit}"} if funnel.unit else None)


def check_positive(name: str, number: object) -> None:
    """Refuse what is no finite number above 0.

    Raises
    ------
    TargetError
    """
    is_number = isinstance(number, Real) and not isinstance(number, bool)
    if not is_number or not 0 < float(number) < np.inf:  # type: ignore[arg-type]
        raise TargetError(f"{name}={number!r} must be a positive number")


def _work(
    funnel: Funnel, visits: Mapping[str, float] | None, activities: Mapping[str, Mapping[str, float]] | None
) -> dict[str, Floats]:
    """Visits and other work per entry into each open stage, by name; each of shape (n_open,)."""
    stages = [stage.name for stage in funnel.stages.open]
    given = ({} if visits is None else {VISITS: visits}) | dict(activities or {})
    if visits is not None and VISITS in (activities or {}):
        raise TargetError("visits are given twice: as visits= and within activities=")
    taken = {LEADS, WINS, BOOKINGS, *stages}
    work = {}
    for name, by_stage in given.items():
        if name in taken:
            raise TargetError(f"activity {name!r} is a row of the plan already; call it by another name")
        if not isinstance(by_stage, Mapping) or not by_stage:
            raise TargetError(f"{name}={by_stage!r} names no stage; write {{{stages[0]!r}: 2}}")
        work[name] = np.zeros(len(stages))
        for stage, per_entry in by_stage.items():
            if stage not in stages:
                hint = did_you_mean(str(stage), stages)
                raise TargetError(
                    f"{name}: no open stage is called {stage!r}; they are {', '.join(stages)}{hint}"
                )
            is_number = isinstance(per_entry, Real) and not isinstance(per_entry, bool)
            if not is_number or not 0 <= float(per_entry) < np.inf:
                raise TargetError(f"{name} of {stage!r}: {per_entry!r} must be a number of 0 or more")
            work[name][stages.index(stage)] = float(per_entry)
    return work


def _needed(
    funnel: Funnel,
    target: float,
    is_money: bool,
    work: Mapping[str, Floats],
    streams: Streams,
    n_draws: int,
) -> Floats:
    """New deals, deals by stage, work, wins and the target by draw; shape (n_draws, n_rows)."""
    draws, n_open = range(n_draws), funnel.stages.n_open
    routes = np.stack(
        [
            observed_routes(funnel.hazards[s].first_age, funnel.hazard_draws(s, streams, draws))
            for s in range(n_open)
        ],
        axis=1,
    )
    arrivals = np.stack([funnel.arrival_draw(streams, draw)[1] for draw in draws])
    entries_from = np.linalg.inv(np.eye(n_open) - routes[:, :, :n_open])
    entries = np.einsum("bs,bst->bt", arrivals, entries_from)
    # A deal that reaches a stage enters it so many times (Kemeny, Snell 1976, theorem 3.5.4).
    reach = entries / np.diagonal(entries_from, axis1=1, axis2=2)
    won = np.einsum("bs,bs->b", entries, routes[:, :, funnel.stages.is_won].sum(axis=2))
    if not (won > 0).all():
        raise TargetError("no deal of this funnel is ever won: no number of new deals reaches the target")
    wins = np.full(n_draws, target)
    if is_money:
        wins = target / _mean_amounts(funnel, streams, n_draws)
    leads = wins / won
    done = [leads * (entries @ per_entry) for per_entry in work.values()]
    columns = [leads, *(leads[:, None] * reach).T, *done, wins]
    return np.stack([*columns, *([np.full(n_draws, target)] if is_money else [])], axis=1)


def _mean_amounts(funnel: Funnel, streams: Streams, n_draws: int) -> Floats:
    """Mean amount of a new win by draw."""
    assert funnel.amounts is not None
    shares = np.stack([funnel.amount_draw(streams, draw) for draw in range(n_draws)])
    mean = np.asarray(shares @ funnel.amounts.points * funnel.changes.new_amount)
    if not (mean > 0).all():
        raise TargetError("wins bring nothing: all amounts are 0")
    return mean


def _by_course(
    funnel: Funnel, target: float, rates: Sequence[float], is_money: bool, work: Mapping[str, Floats]
) -> list[float]:
    """The same figures by the course formula; every deal enters a stage once there."""
    if len(rates) != funnel.stages.n_open:
        raise TargetError(
            f"course={list(rates)!r} needs one rate for each of {funnel.stages.n_open} open stages, the last "
            "one the win rate"
        )
    mean = funnel.amounts.mean * funnel.changes.new_amount if is_money and funnel.amounts else 1
    course = Course.of(list(rates[:-1]), rates[-1], mean)
    counts = [float(count) for count in course.backwards(as_written(target, "the target"))]
    reach, wins = counts[: funnel.stages.n_open], counts[funnel.stages.n_open]
    done = [float(per_entry @ reach) for per_entry in work.values()]
    return [reach[0], *reach, *done, wins, *([target] if is_money else [])]


def planned_against_done(
    plan: pd.DataFrame, done: Mapping[str, float], *, weeks: float = 1, tolerance: float = 0.15
) -> pd.DataFrame:
    """Activities planned against those done.

    Parameters
    ----------
    plan : DataFrame
        As :func:`activity_plan` gives it.
    done : mapping of str to float
        What was counted, by activity.
    weeks : float
        Over how many weeks.
    tolerance : float
        Deviation beyond which a cause is asked for.

    Returns
    -------
    DataFrame
        Index: activity. ``planned`` and ``done`` (counts, or amounts), ``deviation`` as a share of the plan,
        ``asks_for_a_cause``, and ``chance_alone``: twice the smaller of the chances that a Poisson count of
        the planned mean is as large, or as small. It is NaN for amounts, which are no counts, and for visits
        and other work: how much of that is done is decided, not left to chance.

    Raises
    ------
    TargetError
        If an activity is not in the plan, a count is no whole number of 0 or more, or a number is none.

    Examples
    --------
    >>> import funnelsim as fs
    >>> plan = activity_plan(fs.sample_funnel(), 1_000_000, weeks=13, visits={"Proof": 3})
    >>> planned_against_done(plan, {"visits": 30, "wins": 2})["chance_alone"].isna().tolist()
    [True, False]
    """
    check_positive("weeks", weeks)
    is_number = isinstance(tolerance, Real) and not isinstance(tolerance, bool)
    if not is_number or not 0 <= float(tolerance) < np.inf:
        raise TargetError(f"tolerance={tolerance!r} must be 0 or more; write 15 % as 0.15")
    names = [str(name) for name in plan.index]
    rows = []
    for name, given in done.items():
        if name not in names:
            raise TargetError(
                f"activity {name!r} is not in the plan; the plan has {', '.join(names)}"
                f"{did_you_mean(str(name), names)}"
            )
        counts = str(plan.loc[name, "counts"])
        planned, count = float(plan["per_week"][name]) * weeks, _done(name, given, counts)
        deviation = count / planned - 1.0 if planned > 0 else np.nan
        rows.append(
            {
                "planned": planned,
                "done": count,
                "deviation": deviation,
                "asks_for_a_cause": bool(abs(deviation) > tolerance),
                "chance_alone": _as_far_out(count, planned) if counts == "deals" else np.nan,
            }
        )
    return told(pd.DataFrame(rows, index=pd.Index(list(done), name="activity")), {"deviation": PERCENT})


def _done(name: str, given: object, counts: str) -> float:
    """What was counted, as a number: whole unless it is an amount."""
    is_number = isinstance(given, Real) and not isinstance(given, bool)
    if not is_number or not 0 <= float(given) < np.inf:  # type: ignore[arg-type]
        raise TargetError(f"done: {name!r} is {given!r}; give what was counted, 0 or more")
    count = float(given)  # type: ignore[arg-type]
    if counts != "amount" and not count.is_integer():
        raise TargetError(f"done: {name!r} is {given!r}; {counts} are counted one by one, in whole numbers")
    return count


def _as_far_out(count: float, planned: float) -> float:
    """Twice the smaller chance, at least or at most as many, of a Poisson count; at most 1."""
    tails = [stats.poisson.sf(count - 1, planned), stats.poisson.cdf(count, planned)]
    return min(1.0, 2.0 * float(min(tails)))
