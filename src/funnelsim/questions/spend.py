"""Spending: which levers to pay for, how far, so that a chance costs least or a budget does most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize, special

from funnelsim.engines.choose import EngineName
from funnelsim.engines.protocol import Engine
from funnelsim.nouns.forecast import Forecast
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Measure
from funnelsim.nouns.levers.protocol import Lever, LeverError
from funnelsim.nouns.table import told
from funnelsim.questions.option import Option as Option
from funnelsim.questions.situation import Situation
from funnelsim.questions.solve import beside, stepped_up
from funnelsim.questions.surface import Surface, climb
from funnelsim.vocabulary.display import POINTS, TIMES, Shown
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.pipeline import Pipeline

Floats = npt.NDArray[np.float64]

_MOST_OPTIONS = 8
_COLUMNS = ("cost", "chance", "chance_se", "behind", "behind_se", "verdict")  # of the answers
_CLEAR = 2.0  # standard errors
_NOTEWORTHY = 0.005  # of a chance: less is not worth a word, however exactly it is known
_NEXT_TO_NOTHING = 1e-9  # of a chance: rounding
_SCALED = np.geomspace(1.0, 64.0, 20).tolist()  # times a mix that the approximation finds just enough


@dataclass(frozen=True, eq=False)
class SpendingPlan(Shown):
    """The best mixes of some options, and how good the approximation is they were found with.

    Parameters
    ----------
    situation : Situation
    options : tuple of Option
    surface : Surface
        Chance of the target over shares of what costs money, as an approximation.
    """

    situation: Situation
    options: tuple[Option, ...]
    surface: Surface

    def __repr__(self) -> str:
        names = ", ".join(
            f"{option.name} up to {option.most:g} for {option.cost:,.0f}" for option in self.options
        )
        chance = 100 * self.situation.base.chance().value
        return f"SpendingPlan({names}; chance of {self.situation.target:,.0f} without: {chance:.1f} %)"

    def _column_units(self) -> Mapping[str, str]:
        factors = dict.fromkeys((option.name for option in self.options), TIMES)
        return factors | {"cost": self.situation.base.unit, "behind": POINTS}

    def _shown_table(self) -> pd.DataFrame:
        return self.frontier()

    def best_for(self, budget: float) -> pd.DataFrame:
        """The mix with the highest chance that a budget buys, beside simpler ones.

        Parameters
        ----------
        budget : float

        Returns
        -------
        DataFrame
            Index: mix; "best mix", "nothing", "only what is free" where something is, each option "and
            nothing else" (or "and what is free"), and the money in equal parts. Columns: the factor of each
            option (1: as it is), ``cost`` in the unit of the forecast, ``chance`` (0..1; forecast) with
            ``chance_se``, and ``behind`` the best with ``behind_se`` (paired; 0.1: ten points). A mix less
            than two standard errors, or half a point, behind is as good: ``verdict`` says so, and does not
            call a mix the best when all of them are.

        Raises
        ------
        LeverError
            If the budget is none.
        """
        if isinstance(budget, bool) or not isinstance(budget, Real) or not 0 < float(budget) < np.inf:
            raise LeverError(f"budget={budget!r} must be an amount above 0")
        n = len(self.paid)
        with_free = " and what is free" if n < len(self.options) else " and nothing else"
        mixes = {"best mix": self._optimum(float(budget)), "nothing": np.zeros(len(self.options))}
        if n < len(self.options):
            mixes["only what is free"] = self._full(np.zeros(n))
        mixes |= {f"{name}{with_free}": mix for name, mix in self._alone(float(budget)).items()}
        if n > 1:
            mixes["equal parts"] = self._equal(float(budget))
        return self._compared(mixes)

    def cheapest_for(self, chance: float) -> pd.DataFrame:
        """The cheapest mix that reaches a chance, or the most that all options together reach.

        Parameters
        ----------
        chance : float
            Between 0 and 1.

        Returns
        -------
        DataFrame
            One row, as in :meth:`best_for`, with ``verdict``.

        Raises
        ------
        LeverError
            If the chance is none.
        """
        if isinstance(chance, bool) or not isinstance(chance, Real) or not 0 < float(chance) < 1:
            raise LeverError(f"chance={chance!r} must lie between 0 and 1; write 80 % as 0.8")
        n, all_of_it = len(self.paid), np.ones(len(self.options))
        if self.situation.base.chance().value >= chance:
            return self._told("nothing", np.zeros(len(self.options)), "is there already")
        free = self._full(np.zeros(n))
        if free.any() and self.chance(free) >= chance:
            return self._told("only what is free", free, "reached for nothing")
        best = self._optimum(self._cost(all_of_it))
        most = self.chance(best)
        if most < chance:
            reason = f"not to be had: all that can be bought reaches at most {beside(chance, most)} %"
            return self._told("all that can be bought", best, reason)
        shares = self._cheapest(float(chance), best)
        reached = self.forecast(shares).chance().value
        return self._told("cheapest mix", shares, f"reaches {beside(chance, reached)} %")

    def _told(self, name: str, shares: Floats, verdict: str) -> pd.DataFrame:
        return told(self._compared({name: shares}).assign(verdict=verdict))

    def frontier(self, n_budgets: int = 6) -> pd.DataFrame:
        """The best chance for each of some budgets, from nothing to all that can be bought.

        Parameters
        ----------
        n_budgets : int
            Above that of nothing; where all options are free there is no other.

        Returns
        -------
        DataFrame
            One row a budget: ``cost``, ``chance`` with ``chance_se``, and the factor of each option. What is
            free is taken at every budget, also at 0, unless it harms.

        Raises
        ------
        LeverError
            If `n_budgets` is no whole number from 1 on.
        """
        if isinstance(n_budgets, bool) or not isinstance(n_budgets, int) or n_budgets < 1:
            raise LeverError(f"n_budgets={n_budgets!r} must be a whole number from 1 on")
        whole = self._cost(np.ones(len(self.options)))
        budgets = np.linspace(0.0, whole, n_budgets + 1) if whole > 0 else np.zeros(1)
        digits = 0 if whole >= 100 * n_budgets else 6  # small units must not fall together
        mixes = {f"{b:,.{digits}f}": self._optimum(b) for b in budgets.tolist()}
        table = self._compared(mixes)
        return told(table.drop(columns=["behind", "behind_se", "verdict"]))

    @cached_property
    def paid(self) -> tuple[Option, ...]:
        """The options that cost money, in order."""
        return tuple(option for option in self.options if option.cost > 0)

    @cached_property
    def _given(self) -> Floats:
        """What is free, in full; less what only harms, one by one, as long as the chance rises by it."""
        given = np.array([float(option.cost == 0) for option in self.options])
        chance = self.chance(given)
        while given.any():
            without = [np.where(np.arange(len(given)) == i, 0.0, given) for i in np.flatnonzero(given)]
            chances = [self.chance(mix) for mix in without]
            if max(chances) <= chance + _NEXT_TO_NOTHING:
                break
            given, chance = without[int(np.argmax(chances))], max(chances)
        return given

    def _full(self, shares: Floats) -> Floats:
        """Shares of all options from those of what costs money: of what is free, what is taken of it."""
        whole = self._given.copy()
        whole[[option.cost > 0 for option in self.options]] = shares
        return whole

    def forecast(self, shares: Floats) -> Forecast:
        """The forecast when so much of what can be bought of each option is bought."""
        return self.situation.under(*self._levers(shares))

    def chance(self, shares: Floats) -> float:
        """Chance of the target then; the forecast is not kept."""
        return self.situation.chance_under(*self._levers(shares))

    def _levers(self, shares: Floats) -> list[Lever]:
        return [
            option.lever(1.0 + share * (option.most - 1.0))
            for option, share in zip(self.options, shares.tolist(), strict=True)
            if share > 0
        ]

    def _cost(self, shares: Floats) -> float:
        shares = np.clip(shares, 0.0, 1.0)
        return float(sum(o.cost * s**o.growth for o, s in zip(self.options, shares.tolist(), strict=True)))

    def _alone(self, budget: float) -> dict[str, Floats]:
        """Each option that costs money alone, as far as a budget goes, with what is free."""
        shares = np.diag([option.affordable(budget) for option in self.paid])
        return {o.name: self._full(mix) for o, mix in zip(self.paid, shares, strict=True)}

    def _equal(self, budget: float) -> Floats:
        """The money in equal parts."""
        return self._full(np.array([o.affordable(budget / len(self.paid)) for o in self.paid]))

    def _optimum(self, budget: float) -> Floats:
        """The best of what climbs on the approximation find and of simpler mixes, by their forecasts.

        Nothing is among them: a lever may harm, and money spent on it as well.
        """
        n, simple = len(self.paid), [self._full(np.zeros(len(self.paid))), np.zeros(len(self.options))]
        if n and budget > 0:
            found = climb(
                lambda x: -self.surface.probit(x),
                n,
                lambda x: (budget - self._cost(self._full(x))) / budget,
                start_from=0.0,
            )
            simple += [*self._alone(budget).values(), self._equal(budget)]
            simple.append(self._full(found * self._within(found, budget)))
        if self._cost(np.ones(len(self.options))) <= budget:
            simple.append(np.ones(len(self.options)))
        different = {tuple(mix.tolist()): mix for mix in simple}  # of equals the first, which is simplest
        return max(different.values(), key=self.chance)

    def _cheapest(self, chance: float, best: Floats) -> Floats:
        """The cheapest mix found that has a chance; the best mix has it."""
        wanted, whole = special.ndtri(chance), self._cost(np.ones(len(self.options)))
        found = climb(
            lambda x: self._cost(self._full(x)) / whole,
            len(self.paid),
            lambda x: self.surface.probit(x) - wanted,
            start_from=1.0,
        )
        mix = self._up_to(found, chance, best)
        for alone in self._alone(self._cost(mix)).values():  # an approximation may miss that one alone does
            if self.chance(alone) >= chance:
                along = self._up_to(alone[[option.cost > 0 for option in self.options]], chance, best)
                mix = min(mix, along, key=self._cost)
        return mix

    def _within(self, shares: Floats, budget: float) -> float:
        """Factor that brings a mix just within its budget."""
        if self._cost(self._full(shares)) <= budget:
            return 1.0
        found = optimize.brentq(lambda f: self._cost(self._full(f * shares)) - budget, 0.0, 1.0, xtol=1e-9)
        return float(found) * (1.0 - 1e-9)

    def _up_to(self, shares: Floats, chance: float, best: Floats) -> Floats:
        """The mix moved along its ray until the forecast itself, not the approximation, has the chance."""
        known: dict[float, float] = {}

        def mix(f: float) -> Floats:
            return self._full(np.clip(f * shares, 0.0, 1.0))

        def short(f: float) -> float:
            if f not in known:
                known[f] = self.chance(mix(f)) - chance
            return known[f]

        top = next((top for top in _SCALED if short(top) >= 0), np.nan)
        if np.isnan(top):  # the ray does not get there: the best that can be bought does
            return best
        if short(0.0) >= 0:  # only what is free harms
            return mix(0.0)
        found = float(optimize.brentq(short, 0.0, top, xtol=1e-3, maxiter=12, disp=False))
        return mix(stepped_up(short, found, top))

    def _compared(self, mixes: dict[str, Floats]) -> pd.DataFrame:
        best = self.forecast(next(iter(mixes.values())))
        rows = []
        for name, shares in mixes.items():
            outlook = self.forecast(shares)
            behind = self.situation.change_of_chance(best, outlook)
            factors = {
                o.name: 1.0 + s * (o.most - 1.0) for o, s in zip(self.options, shares.tolist(), strict=True)
            }
            chance = outlook.chance()
            rows.append(
                {
                    "mix": name,
                    **factors,
                    "cost": self._cost(shares),
                    "chance": chance.value,
                    "chance_se": chance.standard_error,
                    "behind": behind.value,
                    "behind_se": behind.standard_error,
                }
            )
        table = pd.DataFrame(rows).set_index("mix")
        table["verdict"] = _verdicts(table)
        return told(table, self._column_units())


def _verdicts(table: pd.DataFrame) -> list[str]:
    """Of each mix against the first; none is the best where all are as good."""
    behind, error, cost = (table[c].to_numpy(dtype=float)[1:] for c in ("behind", "behind_se", "cost"))
    noise = np.maximum(_CLEAR * error, _NOTEWORTHY)
    others = [_verdict(*row) for row in zip(behind.tolist(), noise.tolist(), cost.tolist(), strict=True)]
    names = [str(name) for name in table.index[1:]]
    if "nothing" in names and behind[names.index("nothing")] <= noise[names.index("nothing")]:
        first = "no better than nothing within the noise: keep the money"
    elif names and not (behind > noise).any():
        first = "no better than simpler mixes within the noise"
    else:
        first = "the best found"
    return [first, *others]


def _verdict(behind: float, noise: float, cost: float) -> str:
    if behind > noise:
        return "clearly behind"
    return f"as good within the noise, and {'simpler' if cost > 0 else 'costs nothing'}"


@checked
def spend(
    funnel: Funnel,
    pipeline: Pipeline,
    options: Sequence[Option],
    *,
    target: float,
    measure: Measure | None = None,
    periods: str | Sequence[object] = "4Q",
    fiscal_start_month: int = 1,
    engine: Engine | EngineName = "auto",
    seed: int | np.random.Generator | None = 0,
) -> SpendingPlan:
    """Where a budget should go: levers with cost curves and limits.

    Parameters
    ----------
    funnel : Funnel
    pipeline : Pipeline
    options : sequence of Option
        One to eight.
    target, measure, periods, fiscal_start_month, engine, seed
        As in :func:`funnelsim.compare_levers`.

    Returns
    -------
    SpendingPlan
        Asked for the best mix of a budget, the cheapest mix for a chance, and the frontier between.

    Raises
    ------
    LeverError
        If there are no options, more than eight, two of one name, or one called like a column of the answers.

    Notes
    -----
    The probit of the chance is nearly quadratic in the shares bought; it is fitted to some thirty forecasts
    once and optimised by sequential quadratic programming from several starts (SciPy's SLSQP). What that
    finds is held against nothing, each option alone and equal parts by their forecasts, for a lever may harm,
    and every mix that is shown is forecast itself. ``surface.error`` says how far the approximation was off.
    """
    chosen = tuple(options)
    odd = [option for option in chosen if not isinstance(option, Option)]
    if odd:
        raise LeverError(f"{odd[0]!r} is no option; write Option('fairs', Volume, most=1.4, cost=80_000)")
    names = [option.name for option in chosen]
    if not 1 <= len(chosen) <= _MOST_OPTIONS or len({*names, *_COLUMNS}) < len(names) + len(_COLUMNS):
        raise LeverError(
            f"one to {_MOST_OPTIONS} options, each of a name of its own, and none of {', '.join(_COLUMNS)}; "
            f"not {names}"
        )
    situation = Situation(funnel, pipeline, target, measure, periods, fiscal_start_month, engine, seed)
    plan = SpendingPlan(situation, chosen, Surface(np.zeros(1), len(chosen), np.nan))
    if not plan.paid:
        return plan
    surface = Surface.fitted(len(plan.paid), lambda shares: plan.chance(plan._full(shares)))
    return SpendingPlan(situation, chosen, surface)
