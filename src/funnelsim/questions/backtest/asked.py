"""What a backtest is asked for, checked: numbers, rivals by name, and the measure that looks can tell of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from funnelsim.nouns.law import Counted
from funnelsim.questions.backtest.looks import Look
from funnelsim.questions.backtest.origins import BacktestError
from funnelsim.questions.backtest.result import OURS
from funnelsim.questions.baselines.protocol import Rival, Samples


def check_numbers(**least: tuple[object, int]) -> None:
    """Refuse what is no whole number of at least so much.

    Raises
    ------
    BacktestError
    """
    for name, (value, lowest) in least.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
            raise BacktestError(f"{name}={value!r} must be a whole number of {lowest} or more")


def check_rivals(rivals: object) -> tuple[Rival, ...]:
    """Rivals, each of a name of its own that is not ours.

    Raises
    ------
    BacktestError
        If these are no rivals, or two of one name.
    """
    if not isinstance(rivals, Sequence) or not all(callable(getattr(r, "forecast", None)) for r in rivals):
        raise BacktestError(
            f"rivals are given as a list, such as [fs.baselines.MeanOfRecent()], not {rivals!r}"
        )
    names = [rival.name for rival in rivals]
    twice = [name for name in names if names.count(name) > 1 or name == OURS]
    if twice:
        raise BacktestError(
            f"the rival {twice[0]!r} needs a name of its own: scores are told apart by it; ours is {OURS!r}"
        )
    return tuple(rivals)


def check_answer(name: str, drawn: object, n_periods: int) -> None:
    """Refuse an answer that cannot be scored.

    Raises
    ------
    BacktestError
        If it is no samples, of fewer than two futures, or of other periods than were asked for.
    """
    if not isinstance(drawn, Samples) or len(drawn.total) < 2 or drawn.total.shape[1] != n_periods:
        shape = drawn.total.shape if isinstance(drawn, Samples) else type(drawn).__name__
        raise BacktestError(
            f"the rival {name!r} must give Samples of two futures or more by {n_periods} periods, not {shape}"
        )


def of_measure(measure: Counted | None, looks: Sequence[Look]) -> tuple[Counted, list[Look], list[str]]:
    """The measure, the looks that can tell of it, and why the others are left out.

    Parameters
    ----------
    measure : {"bookings", "wins"}, optional
        By default bookings, where any look has amounts.
    looks : sequence of Look

    Raises
    ------
    BacktestError
        If the measure is unknown, or no look can tell of it.
    """
    if measure is not None and measure not in get_args(Counted):
        raise BacktestError(f"measure={measure!r} is unknown; use one of {', '.join(get_args(Counted))}")
    has_money = any("bookings" in look.measures for look in looks)
    chosen: Counted = measure or ("bookings" if has_money else "wins")
    if looks and chosen == "bookings" and not has_money:
        raise BacktestError(
            "no deal won before an origin has an amount; backtest the number of wins with measure='wins'"
        )
    kept = [look for look in looks if chosen in look.measures]
    notes = [
        f"the origin {look.origin.day} is left out: no deal won by then has an amount; ask for wins"
        for look in looks
        if chosen not in look.measures
    ]
    return chosen, kept, notes
