"""Comparing levers: what each does to the chance of the target, from paired draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from funnelsim.engines.choose import EngineName
from funnelsim.engines.protocol import Engine
from funnelsim.engines.run import forecast
from funnelsim.engines.until import settled
from funnelsim.nouns.forecast import Forecast, target_amount
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Measure, over_draws
from funnelsim.nouns.lever import Lever, checked_levers, three_levers
from funnelsim.vocabulary.estimate import Estimate
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams


@dataclass(frozen=True, eq=False)
class LeverComparison:
    """Forecasts under each lever, in the same futures as without any.

    Parameters
    ----------
    base : Forecast
        Without a lever.
    levers : tuple of Lever
    outlooks : tuple of Forecast
        One per lever; drawn from the same random streams as `base`.
    target : float
    """

    base: Forecast
    levers: tuple[Lever, ...]
    outlooks: tuple[Forecast, ...]
    target: float

    def effect(self, lever: int) -> Estimate:
        """Change of the chance of the target, with the standard error of the paired difference."""
        return self._change_of_chance(self.outlooks[lever])

    def _change_of_chance(self, outlook: Forecast) -> Estimate:
        if outlook is self.base:
            return Estimate(0.0, 0.0)
        with_it, without = outlook.law(), self.base.law()
        by_draw = with_it.chance_by_draw(self.target) - without.chance_by_draw(self.target)
        change = over_draws(by_draw, with_it.resolution)
        if outlook.n_futures is not None:
            return change
        of_engine = (law.engine_error(self.target) for law in (with_it, without))
        return Estimate(change.value, float(np.hypot.reduce([change.standard_error, *of_engine])))

    def table(self) -> pd.DataFrame:
        """Levers by their effect on the chance of the target, largest first.

        Returns
        -------
        DataFrame
            Index: lever. ``chance`` with it and ``change_of_chance`` (both 0..1), ``change_se`` (standard
            error of the paired difference), ``change_of_mean`` with ``change_of_mean_se``, and P10, P50, P90
            of the total with the lever. The first row is the forecast without any lever.
        """
        ranked = sorted(range(len(self.levers)), key=lambda i: -self.effect(i).value)
        names = ["as it is", *(self.levers[i].name for i in ranked)]
        rows = [self._row(self.base), *(self._row(self.outlooks[i]) for i in ranked)]
        return pd.DataFrame(rows, index=pd.Index(names, name="lever"))

    def plot(self, *, ax: Any = None) -> Any:
        """Draw the levers as bars: :func:`funnelsim.plot_levers` of this comparison."""
        import funnelsim  # pictures lie in a higher layer, loaded when one is asked for

        return funnelsim.plot_levers(self, ax=ax)

    def _row(self, outlook: Forecast) -> dict[str, float]:
        change = self._change_of_chance(outlook)
        mean = over_draws(outlook.law().mean_by_draw() - self.base.law().mean_by_draw())
        p10, p50, p90 = outlook.quantile([0.1, 0.5, 0.9])
        return {
            "chance": outlook.chance(self.target).value,
            "change_of_chance": change.value,
            "change_se": change.standard_error,
            "change_of_mean": mean.value,
            "change_of_mean_se": mean.standard_error,
            "p10": float(p10),
            "p50": float(p50),
            "p90": float(p90),
        }


def compare_levers(
    funnel: Funnel,
    pipeline: Pipeline,
    *,
    target: float,
    levers: Sequence[Lever] | None = None,
    measure: Measure | None = None,
    periods: str | Sequence[object] = "4Q",
    fiscal_start_month: int = 1,
    engine: Engine | EngineName = "auto",
    seed: int | np.random.Generator | None = 0,
) -> LeverComparison:
    """Compare levers by what they do to the chance of the target.

    Each lever is run on the same random streams as the funnel without it, so that what is compared is the
    lever and not luck.

    Parameters
    ----------
    funnel : Funnel
    pipeline : Pipeline
    target : float
        Wanted in all periods together.
    levers : sequence of Lever, optional
        By default the three classical ones, each improved by a tenth: volume, conversion, speed.
    measure, periods, fiscal_start_month, engine, seed
        As in :func:`funnelsim.forecast`.

    Returns
    -------
    LeverComparison

    Raises
    ------
    LeverError, ForecastError
        If a lever cannot be applied, or the target is no amount.
    """
    seed, wanted = Streams.of(seed).seed, target_amount(target)
    chosen = three_levers() if levers is None else checked_levers(levers)

    def run(changed: Funnel, engine: Engine | EngineName) -> Forecast:
        return forecast(
            changed,
            pipeline,
            periods=periods,
            target=wanted,
            measure=measure,
            fiscal_start_month=fiscal_start_month,
            engine=engine,
            seed=seed,
        )

    base = run(funnel, engine)
    paired = settled(engine, base)
    if engine == "auto":  # every lever by the engine that was chosen for the base
        paired = "exact" if base.n_futures is None else "montecarlo"
    outlooks = tuple(run(lever.apply(funnel), paired) for lever in chosen)
    return LeverComparison(base, chosen, outlooks, wanted)
