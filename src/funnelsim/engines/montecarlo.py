"""Monte Carlo engine: joint futures drawn from the chances that the recursion gives.

A deal's fate over the periods is one draw from a handful of chances; the stages in between would add noise
and time, but no information. So a future costs one random number per open deal, and new deals that are won
come as a Poisson count of their own (thinned arrivals).
"""

from __future__ import annotations

from dataclasses import dataclass

import joblib
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from funnelsim.engines.assemble import assembled, check_match
from funnelsim.engines.chances import Positions, batch_chances, draw_batches
from funnelsim.engines.futures import batch_futures
from funnelsim.engines.protocol import EngineError
from funnelsim.nouns.forecast import Forecast
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Futures
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MonteCarlo:
    """Settings of the Monte Carlo engine.

    Parameters
    ----------
    n_futures : int
        Simulated futures; rounded up to a multiple of `n_draws`.
    n_draws : int
        Draws of the parameters, 25 to 200 are usual; futures are shared out equally among them.
    workers : int
        Processes (joblib). The answer is the same, to the bit, for any number.

    Raises
    ------
    EngineError
        If a number is below 1 (below 2 for `n_draws`: errors come from the spread over draws).
    """

    n_futures: int = 10_000
    n_draws: int = 100
    workers: int = 1

    def __post_init__(self) -> None:
        if self.workers == 0:
            raise EngineError("workers=0: give the number of processes, or -1 for all cores")
        if self.n_draws < 2 or self.n_futures < self.n_draws:
            raise EngineError(
                f"n_draws={self.n_draws} must be at least 2, n_futures={self.n_futures} at least n_draws"
            )

    @property
    def name(self) -> str:
        """Name of the method."""
        return "Monte Carlo"

    def run(self, funnel: Funnel, pipeline: Pipeline, periods: Periods, streams: Streams) -> Forecast:
        """Joint distribution of wins and bookings over `periods`.

        Raises
        ------
        EngineError
            If the pipeline's clock or stages are not those of the funnel.
        """
        check_match(funnel, pipeline)
        positions = Positions.of(funnel, pipeline)
        per_draw = -(-self.n_futures // self.n_draws)
        done = joblib.Parallel(n_jobs=self.workers)(
            joblib.delayed(_run_batch)(funnel, pipeline, positions, periods, streams, batch, per_draw)
            for batch in draw_batches(self.n_draws)
        )
        outcome = Futures.joined([futures for futures, _ in done])
        chance = np.concatenate([of_batch for _, of_batch in done])
        return assembled(
            outcome, funnel, pipeline, periods, positions, chance, engine=self.name, seed=streams.seed
        )


def _run_batch(
    funnel: Funnel,
    pipeline: Pipeline,
    positions: Positions,
    periods: Periods,
    streams: Streams,
    draws: range,
    n_futures: int,
) -> tuple[Futures, Floats]:
    """Futures of a batch of draws, and the chances of its positions."""
    # One thread for matrix products: with more, sums are grouped otherwise and the last bits depend on them.
    with threadpool_limits(1):
        chances = batch_chances(funnel, positions, periods, streams, draws)
        futures = batch_futures(funnel, pipeline, positions, chances, streams, draws, n_futures)
    return futures, chances.open_deals
