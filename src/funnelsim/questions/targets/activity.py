"""Activity plan: from a target back to wins, deals by stage and leads, per week and person, with ranges."""

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
from funnelsim.numerics.incidence import observed_routes
from funnelsim.questions.targets.course import Course, as_written
from funnelsim.questions.targets.quotas import TargetError
from funnelsim.vocabulary.randomness import Streams
from funnelsim.vocabulary.uncertainty import check_draws, check_interval

Floats = npt.NDArray[np.float64]

LEADS, WINS, BOOKINGS = "new deals", "wins", "bookings"


def activity_plan(
    funnel: Funnel,
    target: float,
    *,
    weeks: float,
    people: float = 1,
    course: Sequence[float] | None = None,
    measure: Measure | None = None,
    interval: float = 0.8,
    n_draws: int = 200,
    seed: int | np.random.Generator | None = 0,
) -> pd.DataFrame:
    """What a target asks for: wins, deals that must reach each stage, new deals; per week and person.

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
        Index: ``new deals``, each open stage (deals that must reach it), ``wins``, and ``bookings`` where
        there are amounts. ``course`` where its rates are given; ``needed`` with ``low`` and ``high``;
        ``per_week`` and ``per_week_per_person``, each with ``_low`` and ``_high``.

    Raises
    ------
    TargetError
        If a number is none, the course does not fit the stages, or no deal can be won.

    Notes
    -----
    The flow of a steady business: what reaches the end of the funnel within these weeks began earlier by the
    sales cycle, and what begins within them ends later. Ranges say how badly the rates are known; luck comes
    on top of that. What open deals will bring is not taken off: :func:`split_target` and the forecast know
    them. Several entries into one stage count once.

    Examples
    --------
    >>> import funnelsim as fs
    >>> activity_plan(fs.sample_funnel(), 1_000_000, weeks=13, people=4).index.tolist()
    ['new deals', 'Qualify', 'Develop', 'Solution', 'Proof', 'Close', 'wins', 'bookings']
    """
    wanted = target_amount(target)
    for name, number in (("weeks", weeks), ("people", people)):
        is_number = isinstance(number, Real) and not isinstance(number, bool)
        if not is_number or not 0 < float(number) < np.inf:
            raise TargetError(f"{name}={number!r} must be a positive number")
    check_draws(n_draws, TargetError)
    check_interval(interval, TargetError)
    if measure == "bookings" and funnel.amounts is None:
        raise TargetError("the data has no amounts, so the target is a number of wins: measure='wins'")
    is_money = measure != "wins" and funnel.amounts is not None
    needed = _needed(funnel, wanted, is_money, Streams.of(seed), n_draws)
    names = [LEADS, *(stage.name for stage in funnel.stages.open), WINS, *([BOOKINGS] if is_money else [])]
    tails = [(1 - interval) / 2, (1 + interval) / 2]
    columns: dict[str, Floats] = {}
    for name, share in (("needed", 1.0), ("per_week", weeks), ("per_week_per_person", weeks * people)):
        low, high = np.quantile(needed / share, tails, axis=0)
        prefix = "" if name == "needed" else f"{name}_"
        columns |= {name: np.median(needed / share, axis=0), f"{prefix}low": low, f"{prefix}high": high}
    frame = pd.DataFrame(columns, index=pd.Index(names, name="activity"))
    if course is not None:
        frame.insert(0, "course", _by_course(funnel, wanted, course, is_money))
    return frame


def _needed(funnel: Funnel, target: float, is_money: bool, streams: Streams, n_draws: int) -> Floats:
    """New deals, deals by stage, wins and the target by draw; shape (n_draws, n_rows)."""
    draws, n_open = range(n_draws), funnel.stages.n_open
    routes = np.stack(
        [
            observed_routes(funnel.hazards[s].first_age, funnel.hazard_draws(s, streams, draws))
            for s in range(n_open)
        ],
        axis=1,
    )
    entries = np.stack([funnel.arrival_draw(streams, draw)[1] for draw in draws])
    visits_from = np.linalg.inv(np.eye(n_open) - routes[:, :, :n_open])
    visits = np.einsum("bs,bst->bt", entries, visits_from)
    # A deal that reaches a stage is there so many times (Kemeny, Snell 1976, theorem 3.5.4).
    reach = visits / np.diagonal(visits_from, axis1=1, axis2=2)
    won = np.einsum("bs,bs->b", visits, routes[:, :, funnel.stages.is_won].sum(axis=2))
    if not (won > 0).all():
        raise TargetError("no deal of this funnel is ever won: no number of new deals reaches the target")
    wins = np.full(n_draws, target)
    if is_money:
        assert funnel.amounts is not None
        shares = np.stack([funnel.amount_draw(streams, draw) for draw in draws])
        mean = shares @ funnel.amounts.points * funnel.changes.new_amount
        if not (mean > 0).all():
            raise TargetError("wins bring nothing: all amounts are 0")
        wins = target / mean
    leads = wins / won
    columns = [leads, *(leads[:, None] * reach).T, wins, *([np.full(n_draws, target)] if is_money else [])]
    return np.stack(columns, axis=1)


def _by_course(funnel: Funnel, target: float, rates: Sequence[float], is_money: bool) -> list[float]:
    """The same figures by the course formula."""
    if len(rates) != funnel.stages.n_open:
        raise TargetError(
            f"course={list(rates)!r} needs one rate for each of {funnel.stages.n_open} open stages, the last "
            "one the win rate"
        )
    mean = funnel.amounts.mean * funnel.changes.new_amount if is_money and funnel.amounts else 1
    course = Course.of(list(rates[:-1]), rates[-1], mean)
    counts = [float(count) for count in course.backwards(as_written(target, "the target"))]
    return [counts[0], *counts[: funnel.stages.n_open + 1], *([target] if is_money else [])]


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
        Index: activity. ``planned``, ``done``, ``deviation`` as a share of the plan, ``asks_for_a_cause``,
        and ``chance_alone``: twice the smaller of the chances that a Poisson count of the planned mean is as
        large, or as small (NaN for amounts, which are no counts).

    Raises
    ------
    TargetError
        If an activity is not in the plan, or a number is none.
    """
    unknown = [name for name in done if name not in plan.index]
    if unknown or not 0 < weeks < np.inf:
        wrong = (
            f"activity {unknown[0]!r} is not in the plan" if unknown else f"weeks={weeks!r} is not positive"
        )
        raise TargetError(f"{wrong}; the plan has {', '.join(map(str, plan.index))}")
    rows = []
    for name, count in done.items():
        planned, count = float(plan["per_week"][name]) * weeks, target_amount(count)
        deviation = count / planned - 1.0 if planned > 0 else np.nan
        tails = [stats.poisson.sf(np.ceil(count) - 1, planned), stats.poisson.cdf(np.floor(count), planned)]
        rows.append(
            {
                "planned": planned,
                "done": count,
                "deviation": deviation,
                "asks_for_a_cause": bool(abs(deviation) > tolerance),
                "chance_alone": np.nan if name == BOOKINGS else min(1.0, 2.0 * float(min(tails))),
            }
        )
    return pd.DataFrame(rows, index=pd.Index(list(done), name="activity"))
