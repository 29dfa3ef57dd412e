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
from funnelsim.engines.protocol import EngineError, check_whole
from funnelsim.engines.till import Till
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
    until_se : float, optional
        Wanted standard error of the chance of the target, such as 0.005 for half a point: draws are added,
        each with as many futures, until it is met. Needs a target: :func:`funnelsim.forecast` takes it.
    most_futures : int
        Where `until_se` stops at the latest; a note of the forecast then says what limits it.

    Raises
    ------
    EngineError
        If a number is below 1 (below 2 for `n_draws`: errors come from the spread over draws), or `until_se`
        is no error of a chance.

    Notes
    -----
    Futures come in blocks, so that memory holds little more than the answer: a million futures of four
    periods take about 200 MB. Batches of 25 draws are joblib's tasks; a cluster needs no code of its own::

        from dask.distributed import Client
        with Client("scheduler:8786"), joblib.parallel_config(backend="dask"):
            fs.forecast(funnel, pipeline, engine=fs.MonteCarlo(n_draws=1000, workers=-1))

    and in the same way ``ray.util.joblib.register_ray()`` with ``backend="ray"``. The answer is that of one
    process, to the bit, where the machines have the same kind of processor and the same NumPy.
    """

    n_futures: int = 10_000
    n_draws: int = 100
    workers: int = 1
    until_se: float | None = None
    most_futures: int = 2_000_000

    def __post_init__(self) -> None:
        check_whole(n_futures=self.n_futures, n_draws=self.n_draws, workers=self.workers)
        if self.workers == 0:
            raise EngineError("workers=0: give the number of processes, or -1 for all cores")
        if self.n_draws < 2 or self.n_futures < self.n_draws:
            raise EngineError(
                f"n_draws={self.n_draws} must be at least 2, n_futures={self.n_futures} at least n_draws"
            )
        if self.until_se is not None and not 0.0 < self.until_se < 0.5:
            raise EngineError(
                f"until_se={self.until_se} is no error of a chance; write half a point as 0.005"
            )

    @property
    def name(self) -> str:
        """Name of the method."""
        return "Monte Carlo"

    @property
    def futures_per_draw(self) -> int:
        """Futures of each draw."""
        return -(-self.n_futures // self.n_draws)

    def run(self, funnel: Funnel, pipeline: Pipeline, periods: Periods, streams: Streams) -> Forecast:
        """Joint distribution of wins and bookings over `periods`.

        Raises
        ------
        EngineError
            If the pipeline's clock or stages are not those of the funnel, or `until_se` is set: an engine
            knows of no target.
        """
        if self.until_se is not None:
            raise EngineError(
                f"until_se={self.until_se} is about the chance of a target, which only forecast(target=...) "
                "knows; leave it out here"
            )
        return self.run_draws(funnel, pipeline, periods, streams, range(self.n_draws))

    def run_draws(
        self, funnel: Funnel, pipeline: Pipeline, periods: Periods, streams: Streams, draws: range
    ) -> Forecast:
        """The same for some draws by number; those of a forecast begin at 0."""
        check_match(funnel, pipeline)
        positions = Positions.of(funnel, pipeline)
        done = joblib.Parallel(n_jobs=self.workers)(
            joblib.delayed(_run_batch)(
                funnel, pipeline, positions, periods, streams, batch, self.futures_per_draw
            )
            for batch in (draws[part.start : part.stop] for part in draw_batches(len(draws)))
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
        till = Till.of(funnel, pipeline, positions, periods, streams, draws)
        futures = batch_futures(funnel, pipeline, positions, chances, streams, draws, n_futures, till)
    return futures, chances.open_deals
