"""Outlook: the law of the total that a target counts, and its parts, whichever way it is computed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from funnelsim.engines.cash_law import cash_law
from funnelsim.engines.exact import Exact
from funnelsim.engines.montecarlo import MonteCarlo
from funnelsim.engines.run import forecast
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Law, over_draws
from funnelsim.nouns.scenario import Scenario
from funnelsim.vocabulary.estimate import Estimate
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.randomness import Streams

N_FUTURES = 1_000  # of revenue, whose law nobody has computed yet; no scenario that ships counts it
_N_CELLS = 2_048  # of cash: what they blur is far below the error of the draws, and told with it


@dataclass(frozen=True, eq=False)
class Outlook:
    """What the page asks of a forecast.

    Parameters
    ----------
    law : Law
    parts : tuple of float
        Its mean: won or paid already, from deals open today, from deals yet to come.
    """

    law: Law
    parts: tuple[float, float, float]

    @classmethod
    def of(cls, scenario: Scenario, funnel: Funnel, periods: Periods, n_draws: int) -> Outlook:
        """Of a scenario with another funnel; always the same draws of the parameters."""
        if scenario.measure == "cash":
            cash = cash_law(funnel, scenario.pipeline, periods, Streams(0), n_draws, n_cells=_N_CELLS)
            return cls(cash.law, cash.parts)
        is_drawn = scenario.measure == "revenue"
        found = forecast(
            funnel,
            scenario.pipeline,
            periods=scenario.periods,
            measure=scenario.measure,
            fiscal_start_month=scenario.fiscal_start_month,
            engine=MonteCarlo(n_futures=N_FUTURES, n_draws=n_draws) if is_drawn else Exact(n_draws=n_draws),
        )
        of_open, of_new = found.outcome.expected(range(len(found.periods)), found.measure)
        return cls(found.law(), (found.mean().value - of_open - of_new, of_open, of_new))

    @cached_property
    def mean(self) -> Estimate:
        """Expected total."""
        return over_draws(self.law.mean_by_draw())

    def chance(self, target: float) -> Estimate:
        """Chance to reach a target; its error holds that of the draws and that of the grid."""
        chance = over_draws(self.law.chance_by_draw(target), self.law.resolution)
        return _with_error(chance, self.law.engine_error(target))

    def change(self, today: Outlook, target: float) -> Estimate:
        """Change of that chance against today, draw by draw."""
        if self is today:
            return Estimate(0.0, 0.0)
        by_draw = self.law.chance_by_draw(target) - today.law.chance_by_draw(target)
        errors = (one.law.engine_error(target) for one in (self, today))
        return _with_error(over_draws(by_draw, self.law.resolution), *errors)


def _with_error(found: Estimate, *more: float) -> Estimate:
    return Estimate(found.value, float(np.hypot.reduce([found.standard_error, *more])))
