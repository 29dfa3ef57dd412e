"""Monte Carlo until the chance of a target is known well enough: draws and their futures grow together.

More futures of the same draws would stop helping at the error of the draws themselves; so whole groups of
draws are added, each with as many futures, and both parts of the error fall with the square root.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from funnelsim.engines.choose import EngineName
from funnelsim.engines.montecarlo import MonteCarlo
from funnelsim.engines.protocol import Engine, EngineError
from funnelsim.nouns.forecast import Forecast
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Futures, Measure, over_draws
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams

_STEP = 50  # draws: whole groups of ten for the error, whole batches so that a draw is computed once
_LEAST_DRAWS = 200  # twenty groups: of fewer the error is hardly known, and luck would stop too early
_DRAWS_AT_ONCE = 200  # chances of every draw and open deal are in memory
_LEAST_GROWTH, _MOST_GROWTH = 1.25, 4.0
_MARGIN = 1.1


def run_until(
    engine: MonteCarlo,
    funnel: Funnel,
    pipeline: Pipeline,
    periods: Periods,
    streams: Streams,
    *,
    target: float | None,
    measure: Measure | None,
) -> Forecast:
    """A forecast whose chance of the target has a standard error of at most ``engine.until_se``.

    The futures are those that the engine gives when the number of draws arrived at is asked for at once. A
    note says how many it took and, where ``engine.most_futures`` came first, that the wish was not met and
    which part of the error limits it.

    Parameters
    ----------
    engine : MonteCarlo
        With ``until_se``; ``n_draws``, rounded up, is where it begins.
    funnel : Funnel
    pipeline : Pipeline
    periods : Periods
    streams : Streams
    target : float or None
        For all periods together.
    measure : {"bookings", "wins"} or None
        What the target counts.

    Raises
    ------
    EngineError
        If there is no target, or `most_futures` does not allow a first round.

    Notes
    -----
    The error is itself an estimate, and stopping favours those that are too small: over 150 seeds the chance
    spread by 0.95 to 1.05 of what was asked for, while the errors told were 15 % smaller than that.
    """
    wish = engine.until_se
    if wish is None or target is None:
        raise EngineError(f"until_se={wish} is about the chance of a target; give both, or neither")
    n_most = engine.most_futures // engine.futures_per_draw // _STEP * _STEP
    n = max(_whole(engine.n_draws), _LEAST_DRAWS)
    if n_most < n:
        raise EngineError(
            f"most_futures={engine.most_futures:,} is less than the first round, {n} draws of "
            f"{engine.futures_per_draw:,} futures; raise it, or give a smaller n_futures"
        )
    parts: list[Forecast] = []
    n_rounds, n_done, error = 0, 0, math.inf
    while error > wish and n_done < n_most:
        n = min(n, n_most)
        for first in range(n_done, n, _DRAWS_AT_ONCE):
            draws = range(first, min(first + _DRAWS_AT_ONCE, n))
            parts.append(engine.run_draws(funnel, pipeline, periods, streams, draws))
        n_rounds, n_done = n_rounds + 1, n
        by_draw = [part.law(None, measure).chance_by_draw(target) for part in parts]
        error = over_draws(np.concatenate(by_draw), 1.0 / (n * engine.futures_per_draw)).standard_error
        growth = min(max(_MARGIN * (error / wish) ** 2, _LEAST_GROWTH), _MOST_GROWTH)
        n = _whole(growth * n_done)
    outlook = _joined(parts)
    return replace(outlook, notes=(_note(outlook, target, measure, engine, n_rounds),))


def settled(engine: Engine | EngineName, outlook: Forecast) -> Engine | EngineName:
    """The engine with the draws and futures that `outlook` took, so that forecasts can be paired with it."""
    if not isinstance(engine, MonteCarlo) or engine.until_se is None or outlook.n_futures is None:
        return engine
    return replace(engine, until_se=None, n_draws=outlook.n_draws, n_futures=outlook.n_futures)


def _whole(n_draws: float) -> int:
    return math.ceil(n_draws / _STEP) * _STEP


def _joined(parts: Sequence[Forecast]) -> Forecast:
    """One forecast of the draws of all parts."""
    n = np.array([part.n_draws for part in parts])
    chance = np.average([part.deals.chance for part in parts], axis=0, weights=n)
    gap = np.array([part.deals.chance.sum(axis=1) for part in parts]) - chance.sum(axis=1)
    within = np.array([part.deals.chance_sd for part in parts]) ** 2
    variance = ((n - 1) @ within + n @ gap**2) / (n.sum() - 1)
    outcomes = [part.outcome for part in parts if isinstance(part.outcome, Futures)]
    deals = replace(parts[0].deals, chance=chance, chance_sd=np.sqrt(variance))
    return replace(parts[0], outcome=Futures.joined(outcomes), deals=deals)


def _note(
    outlook: Forecast, target: float, measure: Measure | None, engine: MonteCarlo, n_rounds: int
) -> str:
    """What it took, and whether the wish was met."""
    found = outlook.accuracy(target, None, measure)
    error, of_draws, of_engine = (found[name] for name in ("standard_error", "of_draws", "of_engine"))
    wish = engine.until_se or 0.0
    took = f"{outlook.n_futures:,} futures in {outlook.n_draws:,} draws ({n_rounds} rounds)"
    words = f"the chance of the target has a standard error of {100 * error:.2f} %"
    if error <= wish:
        return f"{words}, not more than the {100 * wish:.2f} % asked for, after {took}"
    parts = f"{100 * of_draws:.2f} % from the draws and {100 * of_engine:.2f} % from simulating"
    way_out = "take the exact engine, which has no such part"
    if of_draws > of_engine:
        way_out = "give fewer futures for each draw (n_futures), so that more draws fit"
    return (
        f"{words} ({parts}), more than the {100 * wish:.2f} % asked for: "
        f"most_futures={engine.most_futures:,} came first, after {took}; raise it, or {way_out}"
    )
