"""Methods that worlds are tried on: ours as users run it, and the oracle, both in the form of the rivals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from funnelsim.engines.montecarlo import MonteCarlo
from funnelsim.engines.run import forecast
from funnelsim.fitting.fit import fit as fit_funnel
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.law import Futures
from funnelsim.questions.baselines.protocol import Measure, Rival, Samples
from funnelsim.questions.worlds.oracle import true_futures
from funnelsim.questions.worlds.sample import WorldError
from funnelsim.questions.worlds.world import World

Ints = npt.NDArray[np.int64]

OURS, ORACLE = "funnelsim", "oracle"


@runtime_checkable
class Informed(Protocol):
    """A method that knows more than the records say; :func:`benchmark` tells it each world in turn."""

    def told(self, world: World) -> Rival:
        """The method as it is for one world, with what it may know of it."""
        ...


@dataclass(frozen=True)
class Ours:
    """Our own forecast as a method: a fit of what was seen, and futures by Monte Carlo.

    Parameters
    ----------
    name : str
        What it is called in tables; begin it with "funnelsim", lest it count as a rival.
    fit : callable
        From a history to a funnel; every choice of the model belongs into it.
    has_shock : bool
        False takes the shared shock away that a fit gives its funnel.
    n_draws : int
        Draws of the parameters.
    """

    name: str = OURS
    fit: Callable[[DealHistory], Funnel] = fit_funnel
    has_shock: bool = True
    n_draws: int = 50

    @property
    def formula(self) -> str:
        """One line: what is computed, and how its range comes about."""
        shock = "with its shared shock" if self.has_shock else "without a shared shock"
        return f"hazards by stage, destination and age, {self.n_draws} draws, futures by Monte Carlo, {shock}"

    def forecast(
        self, seen: DealHistory, edges: Ints, measure: Measure, n_samples: int, rng: np.random.Generator
    ) -> Samples:
        """Joint samples of the wins or bookings of each period.

        Parameters
        ----------
        seen : DealHistory
        edges : ndarray of int, shape (n_periods + 1,)
            Steps of the clock; the first is the one after the cutoff.
        measure : {"bookings", "wins"}
        n_samples : int
            At least the number of draws.
        rng : Generator

        Returns
        -------
        Samples
        """
        funnel = self.fit(seen)
        if not self.has_shock:
            funnel = funnel.with_shock(None)
        days = seen.clock.start_of(np.asarray(edges))
        engine = MonteCarlo(n_futures=max(n_samples, self.n_draws), n_draws=self.n_draws)
        outlook = forecast(
            funnel, seen.pipeline(), periods=list(days), measure=measure, engine=engine, seed=rng
        )
        if not isinstance(outlook.outcome, Futures):
            raise WorldError(f"the {outlook.engine} engine draws no futures")
        return _samples(outlook.outcome, measure)


@dataclass(frozen=True)
class Oracle:
    """The forecaster who knows the truth at the cutoff: nobody can do better but by luck.

    Parameters
    ----------
    world : World, optional
        The world whose truth it is told; :func:`benchmark` tells it each one in turn.

    Examples
    --------
    >>> from funnelsim.questions.worlds.families import FAMILIES
    >>> world, rng = FAMILIES["stable"].world(seed=1), np.random.default_rng(0)
    >>> Oracle().told(world).forecast(world.history, world.edges(2), "wins", 500, rng).total.shape
    (500, 2)
    """

    world: World | None = None
    name: str = ORACLE

    @property
    def formula(self) -> str:
        """One line: what is computed, and how its range comes about."""
        return "the true process from the true state of every deal, futures drawn from it"

    def told(self, world: World) -> Oracle:
        """The oracle of one world."""
        return replace(self, world=world)

    def forecast(
        self, seen: DealHistory, edges: Ints, measure: Measure, n_samples: int, rng: np.random.Generator
    ) -> Samples:
        """Joint samples from the truth; as for the rivals.

        Raises
        ------
        WorldError
            If it was told of no world, or of another one.
        """
        if self.world is None or self.world.history is not seen:
            raise WorldError("an oracle knows one world: ask Oracle().told(world) about world.history")
        return _samples(true_futures(self.world, edges, n_samples, rng), measure)


def _samples(futures: Futures, measure: Measure) -> Samples:
    of_open, of_new = futures.parts(measure)
    return Samples(total=of_open + of_new, open_deals=of_open)
