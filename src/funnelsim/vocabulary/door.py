"""The door of public functions: each noun they are given is of the kind they take, or is told how to make."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec, TypeVar

from funnelsim.vocabulary.errors import FunnelsimError

P = ParamSpec("P")
R = TypeVar("R")

# Nouns, and how each is made. They are told by the names of their classes, for they live in layers above.
MAKERS = {
    "DealHistory": 'fs.read_deals("deals.csv", "stage_history.csv", stages="stages.toml")',
    "Funnel": "fs.fit(history)",
    "Pipeline": "history.pipeline()",
    "Forecast": "fs.forecast(funnel, pipeline)",
    "LeverComparison": "fs.compare_levers(funnel, pipeline, target=5_000_000)",
    "LeverGrid": "fs.lever_grid(funnel, pipeline, target=5_000_000)",
    "SpendingPlan": "fs.spend(funnel, pipeline, [fs.Option(...)], target=5_000_000)",
    "TargetSplit": "fs.split_target(funnel, pipeline, 5_000_000)",
    "Backtest": "fs.backtest(history)",
    "Revision": 'fs.revision(history, "2026-07-31", window=["2026-10-01", "2027-01-01"])',
    "AmountsReport": "fs.amounts(history)",
    "Segments": 'fs.segments(history, "owner")',
    "Drift": "fs.drift(history)",
    "Dwell": "fs.dwell(history)",
    "Effects": "fs.effects(history)",
    "Invoices": 'fs.read_invoices("invoices.csv")',
    "Stages": 'fs.Stages.named(["lead", "offer"])',
    "Clock": 'fs.Clock("day")',
    "MonteCarlo": "fs.MonteCarlo()",
    "Axes": "plt.figure().add_subplot()",  # of matplotlib
}
_PLAIN = {"None": "NoneType", "str": "str"}  # what may stand beside a noun
_LONGEST = 40


class WrongKindError(FunnelsimError, TypeError):
    """A thing of another kind than a function takes; the message says what was given and how to make one."""


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """A public function that refuses what is no noun of the kind its signature names.

    Its signature alone says what is checked: parameters whose annotations are nouns of :data:`MAKERS`, one or
    several, with None or text beside them. Numbers and options are the business of the function.
    """
    signature = inspect.signature(function)
    kinds = {name: _kinds(str(p.annotation)) for name, p in signature.parameters.items()}
    wanted = {name: found for name, found in kinds.items() if any(kind in MAKERS for kind in found)}

    @wraps(function)
    def entered(*args: P.args, **kwargs: P.kwargs) -> R:
        for name, value in signature.bind_partial(*args, **kwargs).arguments.items():
            if name in wanted:
                _check(function.__name__, name, value, wanted[name])
        return function(*args, **kwargs)

    return entered


def _kinds(annotation: str) -> tuple[str, ...]:
    """Names in a union of nouns; none where something else stands in it."""
    parts = tuple(part.strip().rsplit(".", 1)[-1] for part in annotation.split("|"))
    return parts if all(part in MAKERS or part in _PLAIN for part in parts) else ()


def _check(function: str, name: str, value: object, kinds: Iterable[str]) -> None:
    of_value = {of.__name__ for of in type(value).__mro__}
    if any(_PLAIN.get(kind, kind) in of_value for kind in kinds):
        return
    nouns = [kind for kind in kinds if kind in MAKERS]
    kind, ways = " or ".join(nouns), " or ".join(MAKERS[noun] for noun in nouns)
    raise WrongKindError(
        f"{function}(): {name!r} must be of kind {kind}, not {_told(value)}; make one with {ways}"
    )


def _told(value: object) -> str:
    """What was given: plain values as they are, others by their kind."""
    if isinstance(value, type):
        return f"the class {value.__name__} itself"
    if isinstance(value, int) and abs(value) >= 10**30:  # Python itself writes none of 4,300 digits
        return "a number of more than 30 digits"
    if value is None or isinstance(value, bool | int | float | str):
        text = repr(value)
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return type(value).__name__
