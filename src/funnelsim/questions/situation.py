"""A situation: one forecast that questions about levers change again and again, on the same draws."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from funnelsim.engines.choose import EngineName
from funnelsim.engines.protocol import Engine
from funnelsim.engines.run import forecast
from funnelsim.engines.until import settled
from funnelsim.nouns.forecast import Forecast, target_amount
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Measure, over_draws
from funnelsim.nouns.levers.protocol import Lever, LeverError, PeopleLever, Together
from funnelsim.vocabulary.estimate import Estimate
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams


@dataclass(frozen=True, eq=False)
class Situation:
    """A funnel, a pipeline and a question, forecast by one engine from one seed.

    Parameters
    ----------
    funnel : Funnel
    pipeline : Pipeline
    target : float
        Wanted in all periods together.
    measure, periods, fiscal_start_month, engine
        As in :func:`funnelsim.forecast`.
    seed : int, Generator or None
        Converted once: every forecast takes the same draws.

    Raises
    ------
    ForecastError
        If the target is no amount.
    """

    funnel: Funnel
    pipeline: Pipeline
    target: float
    measure: Measure | None = None
    periods: str | Sequence[object] = "4Q"
    fiscal_start_month: int = 1
    engine: Engine | EngineName = "auto"
    seed: int | np.random.Generator | None = 0
    _known: dict[tuple[Lever, ...], Forecast] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", Streams.of(self.seed).seed)
        object.__setattr__(self, "target", target_amount(self.target))

    @cached_property
    def base(self) -> Forecast:
        """The forecast without any lever."""
        return self.run(self.funnel, self.pipeline, self.engine)

    @cached_property
    def paired(self) -> Engine | EngineName:
        """The engine of every lever: the one that was chosen for the base."""
        if self.engine == "auto":
            return "exact" if self.base.n_futures is None else "montecarlo"
        return settled(self.engine, self.base)

    def run(self, funnel: Funnel, pipeline: Pipeline, engine: Engine | EngineName) -> Forecast:
        """A forecast of another funnel or pipeline, all else as asked."""
        return forecast(
            funnel,
            pipeline,
            periods=self.periods,
            target=self.target,
            measure=self.measure,
            fiscal_start_month=self.fiscal_start_month,
            engine=engine,
            seed=self.seed,
        )

    def under(self, *levers: Lever) -> Forecast:
        """The forecast under some levers at once; that of equal levers is computed once.

        Raises
        ------
        LeverError
            If a lever cannot be applied, or the engine cannot honour it.
        """
        if not levers:
            return self.base
        if not all(isinstance(lever, Hashable) for lever in levers):
            return self._fresh(Together(levers))  # a lever of somebody's own, not known by its value
        if levers not in self._known:
            self._known[levers] = self._fresh(Together(levers))
        return self._known[levers]

    def _fresh(self, levers: Together) -> Forecast:
        engine = self._with_people(levers) if levers.needs_people else self.paired
        return self.run(levers.apply(self.funnel), self.pipeline, engine)

    def _with_people(self, lever: PeopleLever) -> Engine:
        """The engine after a change of its people; those it has now are the usual ones."""
        from funnelsim.engines.events.engine import Events  # simpy, only where people matter

        if not isinstance(self.engine, Events):
            raise LeverError(
                f"{lever.name}: only the discrete-event engine knows people and their hours; give "
                "engine=Events(Team(Rep.several(10)), Work({...}))"
            )
        team, work = lever.apply_to_people(self.engine.team, self.engine.work)
        usual = self.engine.usual_team or self.engine.team
        return replace(self.engine, team=team, work=work, usual_team=usual)

    def change_of_chance(self, outlook: Forecast, before: Forecast | None = None) -> Estimate:
        """Change of the chance of the target from one forecast to another, with its paired standard error."""
        before = before or self.base
        if outlook is before:
            return Estimate(0.0, 0.0)
        after_law, before_law = outlook.law(), before.law()
        by_draw = after_law.chance_by_draw(self.target) - before_law.chance_by_draw(self.target)
        change = over_draws(by_draw, after_law.resolution)
        if outlook.n_futures is not None:
            return change
        of_engine = (law.engine_error(self.target) for law in (after_law, before_law))
        return Estimate(change.value, float(np.hypot.reduce([change.standard_error, *of_engine])))

    def chance_under(self, *levers: Lever) -> float:
        """Chance of the target under some levers; its forecast is not kept: a search has many."""
        return (self._fresh(Together(levers)) if levers else self.base).chance().value
