"""Which engine answers: the one that was given, the one that was named, or the one that fits."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from funnelsim.engines.exact import Exact
from funnelsim.engines.montecarlo import MonteCarlo
from funnelsim.engines.protocol import Engine, EngineError
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Measure
from funnelsim.vocabulary.pipeline import Pipeline

EngineName = Literal["auto", "exact", "montecarlo"]

_MOST_REVISED = 2_000  # open deals whose listed amount is still revised: their law takes a second for each


def choose(
    engine: Engine | EngineName,
    funnel: Funnel,
    pipeline: Pipeline,
    *,
    n_draws: int = 100,
    workers: int = 1,
    measure: Measure | None = None,
) -> tuple[Engine, str]:
    """An engine, and why it was chosen; no reason where it was given or named.

    Parameters
    ----------
    engine : Engine or {"auto", "exact", "montecarlo"}
        ``"auto"``: exact, unless so many listed amounts are revised that drawing futures is quicker.
    funnel : Funnel
    pipeline : Pipeline
    n_draws, workers : int
        Settings of an engine that is not given.
    measure : {"bookings", "wins", "revenue", "cash"}, optional
        What is asked for: revenue and cash need futures.

    Raises
    ------
    EngineError
        If no engine has that name, or the one given follows no invoices.
    """
    if measure in ("revenue", "cash"):
        return _choose_for_flows(engine, n_draws, workers, measure)
    if not isinstance(engine, str):
        if isinstance(engine, type) or not callable(getattr(engine, "run", None)):
            raise EngineError(f"{engine!r} is no engine; use one such as Exact(), MonteCarlo(), or 'auto'")
        return engine, ""
    if engine not in get_args(EngineName):
        names = ", ".join(map(repr, get_args(EngineName)))
        raise EngineError(
            f"no engine is called {engine!r}; use one of {names}, or one with settings: Exact()"
        )
    if engine != "auto":
        named = Exact if engine == "exact" else MonteCarlo
        return named(n_draws=n_draws, workers=workers), ""
    is_revised = np.array([law is not None for law in funnel.revisions] or [False] * funnel.stages.n_open)
    n_revised = int((is_revised[pipeline.stage] & ~np.isnan(pipeline.amount)).sum())
    if n_revised > _MOST_REVISED:
        reason = f"the amounts of {n_revised:,} open deals are revised, which is quicker to draw"
        return MonteCarlo(n_draws=n_draws, workers=workers), reason
    return Exact(n_draws=n_draws, workers=workers), "nothing here needs drawn futures"


def _choose_for_flows(
    engine: Engine | EngineName, n_draws: int, workers: int, measure: str
) -> tuple[Engine, str]:
    """Monte Carlo: the one engine that knows the step of every win, and follows its invoices."""
    if isinstance(engine, MonteCarlo):
        return engine, ""
    if engine not in ("auto", "montecarlo"):
        named = repr(engine) if isinstance(engine, str) else type(engine).__name__
        raise EngineError(
            f"engine {named} follows no invoice, so it cannot forecast {measure}; use MonteCarlo(), "
            "'montecarlo' or 'auto'"
        )
    reason = f"{measure} hangs on the step of every win" if engine == "auto" else ""
    return MonteCarlo(n_draws=n_draws, workers=workers), reason
