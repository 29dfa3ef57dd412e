"""Comparing levers: what each does to the chance of the target, alone and together, from paired draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from funnelsim.engines.choose import EngineName
from funnelsim.engines.protocol import Engine
from funnelsim.nouns.forecast import Forecast
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Measure, over_draws
from funnelsim.nouns.levers.protocol import Lever, LeverError, checked_levers
from funnelsim.nouns.levers.rates import three_levers
from funnelsim.nouns.table import told
from funnelsim.questions.shapley import shapley_shares
from funnelsim.questions.situation import Situation
from funnelsim.questions.targets.attainable import quantiles_with_errors
from funnelsim.vocabulary.display import POINTS, Shown
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.estimate import Estimate
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.progress import watched

_OF_EFFECT = {"share": "share of effect", "share_se": "share of effect se"}


@dataclass(frozen=True, eq=False)
class LeverComparison(Shown):
    """Forecasts under each lever, on the same draws as without any.

    Parameters
    ----------
    situation : Situation
        The question; it knows the forecast under any set of levers.
    levers : tuple of Lever
    outlooks : tuple of Forecast
        One per lever.
    """

    situation: Situation
    levers: tuple[Lever, ...]
    outlooks: tuple[Forecast, ...]

    @property
    def base(self) -> Forecast:
        """The forecast without any lever."""
        return self.situation.base

    @property
    def target(self) -> float:
        """Wanted in all periods together."""
        return self.situation.target

    @cached_property
    def joint(self) -> Forecast:
        """The forecast under all levers at once."""
        return self.situation.under(*self.levers)

    def effect(self, lever: int) -> Estimate:
        """Change of the chance of the target, with the standard error of the paired difference."""
        return self.situation.change_of_chance(self.outlooks[lever])

    def __repr__(self) -> str:
        levers = f"{len(self.levers)} lever{'s' if len(self.levers) != 1 else ''}"
        chance = self.base.chance(self.target).in_english(".1%")
        return f"LeverComparison({levers}, chance of {self.target:,.0f}: {chance})"

    def _column_units(self) -> Mapping[str, str]:
        unit = self.base.unit if self.base.is_money else "wins"
        shares = dict.fromkeys(("change_of_chance", "change"), POINTS)
        return shares | dict.fromkeys(("change_of_mean", "p10", "p50", "p90"), unit)

    def table(self) -> pd.DataFrame:
        """Levers by their effect on the chance of the target, largest first.

        Returns
        -------
        DataFrame
            Index: lever. ``chance`` with it and ``change_of_chance`` (both 0..1), ``change_se`` (standard
            error of the paired difference), ``change_of_mean`` with ``change_of_mean_se``, and ``p10``,
            ``p50``, ``p90`` of the total with the lever, each with the standard error of its own (``p10_se``,
            ``p50_se``, ``p90_se``), in the unit of the forecast. Those do not tell whether two rows differ:
            rows share their draws, so differences are surer than two such errors make them seem. The first
            row is the forecast without any lever; the last one, where there are several, all of them at once:
            effects on a chance do not add.
        """
        ranked = sorted(range(len(self.levers)), key=lambda i: -self.effect(i).value)
        names = ["as it is", *(self.levers[i].name for i in ranked)]
        rows = [self._row(self.base), *(self._row(self.outlooks[i]) for i in ranked)]
        if len(self.levers) > 1:
            names, rows = [*names, "all together"], [*rows, self._row(self.joint)]
        return told(pd.DataFrame(rows, index=pd.Index(names, name="lever")), self._column_units())

    def shares(self, *, n_orders: int = 16) -> pd.DataFrame:
        """How the joint effect on the chance is shared out among the levers (Shapley shares).

        Parameters
        ----------
        n_orders : int
            Orders in which more than five levers are pulled; of fewer every order counts, and the shares are
            exact.

        Returns
        -------
        DataFrame
            Index: lever. ``alone`` (its effect when nothing else is done), ``share`` of the joint effect and
            ``share_se`` (draws of the parameters, and orders), ``last`` (its effect when all others are
            done). Shares add up to the joint effect.

        References
        ----------
        .. [1] Shapley (1953), A value for n-person games. With many levers: the mean over orders, drawn in
           pairs of opposites (Castro, Gomez, Tejada 2009, *Computers & Operations Research* 36(5)).
        """
        shares = shapley_shares(self.situation, self.levers, n_orders=n_orders)
        return told(shares, dict.fromkeys(("alone", "share", "last"), POINTS), _OF_EFFECT)

    def interactions(self) -> pd.DataFrame:
        """What two levers do together beyond the sum of their single effects.

        Returns
        -------
        DataFrame
            One row a pair: ``first``, ``second``, ``together`` (change of the chance by both, 0.1: ten
            points), ``beyond_sum`` (positive where they help one another, negative where one makes the other
            less needed) and ``beyond_sum_se``, paired over draws.
        """
        rows = [self._pair(i, j) for i, j in combinations(range(len(self.levers)), 2)]
        columns = ["first", "second", "together", "beyond_sum", "beyond_sum_se"]
        return told(pd.DataFrame(rows, columns=columns), dict.fromkeys(("together", "beyond_sum"), POINTS))

    def _pair(self, i: int, j: int) -> dict[str, object]:
        both = self.situation.under(self.levers[i], self.levers[j])
        laws = [f.law() for f in (both, self.base, self.outlooks[i], self.outlooks[j])]
        pair, base, first, second = (law.chance_by_draw(self.target) for law in laws)
        beyond = over_draws(pair - first - second + base, laws[0].resolution)
        return {
            "first": self.levers[i].name,
            "second": self.levers[j].name,
            "together": float((pair - base).mean()),
            "beyond_sum": beyond.value,
            "beyond_sum_se": beyond.standard_error,
        }

    def plot(self, *, ax: Any = None) -> Any:
        """Draw the levers as bars: :func:`funnelsim.plot_levers` of this comparison."""
        import funnelsim  # pictures lie in a higher layer, loaded when one is asked for

        return funnelsim.plot_levers(self, ax=ax)

    def _row(self, outlook: Forecast) -> dict[str, float]:
        change = self.situation.change_of_chance(outlook)
        mean = over_draws(outlook.law().mean_by_draw() - self.base.law().mean_by_draw())
        (p10, p50, p90), (p10_se, p50_se, p90_se) = (
            found.tolist() for found in quantiles_with_errors(outlook, np.array([0.1, 0.5, 0.9]))
        )
        return {
            "chance": outlook.chance(self.target).value,
            "change_of_chance": change.value,
            "change_se": change.standard_error,
            "change_of_mean": mean.value,
            "change_of_mean_se": mean.standard_error,
            "p10": p10,
            "p10_se": p10_se,
            "p50": p50,
            "p50_se": p50_se,
            "p90": p90,
            "p90_se": p90_se,
        }


@checked
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
        As in :func:`funnelsim.forecast`. Levers on people need ``engine=Events(team, work)``.

    Returns
    -------
    LeverComparison
        Its ``table()`` ranks the levers, ``shares()`` shares out their joint effect, ``plot()`` draws them.

    Raises
    ------
    LeverError, ForecastError
        If there is no lever, one cannot be applied, the engine cannot honour it, or the target is no amount.
    """
    chosen = three_levers() if levers is None else checked_levers(levers)
    if not chosen:
        raise LeverError("no lever to compare: leave levers out for the three usual ones, or name some")
    situation = Situation(funnel, pipeline, target, measure, periods, fiscal_start_month, engine, seed)
    outlooks = tuple(situation.under(lever) for lever in watched(chosen, "levers", len(chosen)))
    return LeverComparison(situation, chosen, outlooks)
