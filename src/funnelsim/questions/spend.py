"""Spending: which levers to pay for, how far, so that a chance costs least or a budget does most."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize, special
from scipy.stats import qmc

from funnelsim.engines.choose import EngineName
from funnelsim.engines.protocol import Engine
from funnelsim.nouns.forecast import Forecast
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Measure
from funnelsim.nouns.levers.protocol import Lever, LeverError
from funnelsim.questions.situation import Situation
from funnelsim.vocabulary.estimate import Estimate
from funnelsim.vocabulary.pipeline import Pipeline

Floats = npt.NDArray[np.float64]

_LEAST_CHANCE = 1e-6  # a probit beyond it is noise of the transform
_MOST_OPTIONS = 8
_CLEAR = 2.0  # standard errors
_SCALED = np.geomspace(1.0, 64.0, 20).tolist()  # times a mix that the approximation finds just enough


@dataclass(frozen=True)
class Option:
    """A lever that costs money.

    Parameters
    ----------
    name : str
    lever : callable
        From a factor to a lever, such as ``Volume`` or ``lambda x: Conversion(x, "Proof")``.
    most : float
        Largest factor that can be had, above 1.
    cost : float
        What `most` costs, in the unit of the amounts; 0 or more.
    growth : float
        How cost rises with the step: ``cost * ((factor - 1) / (most - 1)) ** growth``. 1 is proportional, 2
        makes the second half three times as dear as the first; at least 1: no discounts.

    Raises
    ------
    LeverError
        If a number is out of range.

    Examples
    --------
    >>> from funnelsim import Volume
    >>> Option("fairs", Volume, most=1.4, cost=80_000, growth=2.0).cost_of(1.2)
    20000.0
    """

    name: str
    lever: Callable[[float], Lever]
    most: float
    cost: float
    growth: float = 1.0

    def __post_init__(self) -> None:
        if not callable(self.lever):
            raise LeverError(
                f"{self.name!r}: lever must make a lever of a factor, such as Volume or lambda x: Speed(x, "
                f"'Proof'), not {self.lever!r}"
            )
        bounds = {"most": (1.0 + 1e-6, 100.0), "cost": (0.0, 1e15), "growth": (1.0, 10.0)}
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real) or not low <= float(value) <= high:
                raise LeverError(f"{self.name!r}: {name}={value!r} must be between {low:g} and {high:g}")

    def cost_of(self, factor: float) -> float:
        """What a factor between 1 and `most` costs."""
        return float(round(self.cost * ((factor - 1.0) / (self.most - 1.0)) ** self.growth, 6))


@dataclass(frozen=True, eq=False)
class SpendingPlan:
    """The best mixes of some options, and how good the approximation is they were found with.

    Parameters
    ----------
    situation : Situation
    options : tuple of Option
    surface : Surface
        Chance of the target over shares of what can be bought, as an approximation.
    """

    situation: Situation
    options: tuple[Option, ...]
    surface: Surface

    def best_for(self, budget: float) -> pd.DataFrame:
        """The mix with the highest chance that a budget buys, beside simpler ones.

        Parameters
        ----------
        budget : float

        Returns
        -------
        DataFrame
            Index: mix; "best mix", each option alone, and the money in equal parts. Columns: the factor of
            each option, ``cost``, ``chance`` (forecast, not approximated) with ``chance_se``, and
            ``behind`` the best with ``behind_se`` (paired). A best mix less than two standard errors before
            a simpler one is not better: ``verdict`` says so.

        Raises
        ------
        LeverError
            If the budget is none.
        """
        if isinstance(budget, bool) or not isinstance(budget, Real) or not 0 < float(budget) < np.inf:
            raise LeverError(f"budget={budget!r} must be an amount above 0")
        mixes = {"best mix": self._optimum(float(budget))}
        n = len(self.options)
        for i, option in enumerate(self.options):
            alone = np.zeros(n)
            alone[i] = self._affordable(option, float(budget))
            mixes[f"{option.name} alone"] = alone
        if n > 1:
            mixes["equal parts"] = np.array([self._affordable(o, float(budget) / n) for o in self.options])
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
        n, all_of_it = len(self.options), np.ones(len(self.options))
        if self.situation.base.chance().value >= chance:
            table = self._compared({"nothing": np.zeros(n)})
            table["verdict"] = "is there already"
            return table
        most = self.forecast(all_of_it).chance().value
        if most < chance:
            table = self._compared({"all that can be bought": all_of_it})
            table["verdict"] = f"not to be had: all options together reach {most:.4%}"
            return table
        wanted = special.ndtri(chance)
        found = _best_start(
            lambda x: self._cost(x) / max(self._cost(all_of_it), 1e-12),
            n,
            lambda x: self.surface.probit(x) - wanted,
            start_from=1.0,
        )
        shares = self._up_to(found, float(chance))
        table = self._compared({"cheapest mix": shares})
        table["verdict"] = f"reaches {table['chance'].iloc[0]:.1%}"
        return table

    def frontier(self, n_budgets: int = 6) -> pd.DataFrame:
        """The best chance for each of some budgets, from nothing to all that can be bought.

        Returns
        -------
        DataFrame
            One row a budget: ``cost``, ``chance`` with ``chance_se``, and the factor of each option.
        """
        whole = self._cost(np.ones(len(self.options)))
        budgets = np.linspace(0.0, whole, n_budgets + 1)
        mixes = {f"{b:,.0f}": self._optimum(b) if b > 0 else np.zeros(len(self.options)) for b in budgets}
        table = self._compared(mixes)
        return table.drop(columns=["behind", "behind_se", "verdict"])

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

    def _affordable(self, option: Option, budget: float) -> float:
        return 1.0 if option.cost <= budget else float((budget / option.cost) ** (1.0 / option.growth))

    def _optimum(self, budget: float) -> Floats:
        n = len(self.options)
        if self._cost(np.ones(n)) <= budget:
            return np.ones(n)
        found = _best_start(
            lambda x: -self.surface.probit(x), n, lambda x: (budget - self._cost(x)) / budget, start_from=0.0
        )
        return found * self._within(found, budget)

    def _within(self, shares: Floats, budget: float) -> float:
        """Factor that brings a mix just within its budget."""
        if self._cost(shares) <= budget:
            return 1.0
        found = optimize.brentq(lambda f: self._cost(f * shares) - budget, 0.0, 1.0, xtol=1e-9)
        return float(found) * (1.0 - 1e-9)

    def _up_to(self, shares: Floats, chance: float) -> Floats:
        """The mix moved along its ray until the forecast itself, not the approximation, has the chance."""

        def short(f: float) -> float:
            return self.chance(np.clip(f * shares, 0.0, 1.0)) - chance

        top = next((top for top in _SCALED if short(top) >= 0), np.nan)
        if np.isnan(top):  # the ray does not get there: all that can be bought does
            return np.ones(len(self.options))
        found = optimize.brentq(short, 0.0, top, xtol=1e-3, maxiter=12, disp=False)
        return np.clip(float(found) * shares, 0.0, 1.0)

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
                    "verdict": _verdict(name == next(iter(mixes)), behind),
                }
            )
        return pd.DataFrame(rows).set_index("mix")


def _verdict(is_best: bool, behind: Estimate) -> str:
    if is_best:
        return "the best found"
    if behind.value > max(_CLEAR * behind.standard_error, 0.005):
        return "clearly behind"
    return "as good within the noise, and simpler"


@dataclass(frozen=True, eq=False)
class Surface:
    """Probit of the chance as a quadratic function of the shares bought, fitted to forecasts.

    Parameters
    ----------
    coefficients : ndarray of shape (n_terms,)
    n : int
    error : float
        Largest miss of the chance at shares that it was not fitted to.
    """

    coefficients: Floats
    n: int
    error: float

    def probit(self, shares: Floats) -> float:
        """Approximate probit of the chance."""
        return float(_terms(np.atleast_2d(shares))[0] @ self.coefficients)

    @classmethod
    def fitted(cls, n: int, chance_of: Callable[[Floats], float]) -> Surface:
        """Fit to corners, the middle and scattered points; judged on four points left out."""
        scattered = qmc.Sobol(n, scramble=False).random_base2(4 if n < 4 else 5)
        design = np.concatenate([np.eye(n), np.full((1, n), 0.5), np.ones((1, n)), scattered])
        held_out = qmc.Halton(n, scramble=False).random(5)[1:]
        value = special.ndtri([_inside(chance_of(x)) for x in design])
        found, *_ = np.linalg.lstsq(_terms(design), value, rcond=None)
        told = special.ndtr(_terms(held_out) @ found)
        error = np.max(np.abs(told - [chance_of(x) for x in held_out]))
        return cls(np.asarray(found, dtype=float), n, float(error))

    @cached_property
    def is_rough(self) -> bool:
        """Whether it misses by more than two points, so that a mix should be checked by forecasts."""
        return self.error > 0.02


def _inside(chance: float) -> float:
    return min(max(chance, _LEAST_CHANCE), 1.0 - _LEAST_CHANCE)


def _terms(shares: Floats) -> Floats:
    """Constant, linear, and all products of two shares."""
    n = shares.shape[1]
    products = [shares[:, i] * shares[:, j] for i in range(n) for j in range(i, n)]
    return np.column_stack([np.ones(len(shares)), shares, *products])


def _best_start(
    loss: Callable[[Floats], float], n: int, limit: Callable[[Floats], float], start_from: float
) -> Floats:
    """The best of a few climbs from different starts (SLSQP) within 0 and 1, `limit` not below 0."""
    starts = [np.full(n, abs(start_from - 0.1)), *(np.where(np.eye(n)[i] > 0, 0.9, 0.2) for i in range(n))]
    found = [
        optimize.minimize(
            loss,
            start,
            method="SLSQP",
            bounds=[(0.0, 1.0)] * n,
            constraints=[{"type": "ineq", "fun": limit}],
            options={"maxiter": 200},
        )
        for start in starts
    ]
    feasible = [f for f in found if limit(f.x) > -1e-6] or found
    best = min(feasible, key=lambda f: float(f.fun))
    return np.asarray(np.where(best.x < 1e-4, 0.0, np.clip(best.x, 0.0, 1.0)))


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
        If there are no options, more than eight, or two of one name.

    Notes
    -----
    The probit of the chance is nearly quadratic in the shares bought; it is fitted to some thirty forecasts
    once, optimised by sequential quadratic programming from several starts (SciPy's SLSQP), and every mix
    that is shown is forecast itself. ``surface.error`` says how far the approximation was off.
    """
    chosen = tuple(options)
    names = [option.name for option in chosen]
    if not 1 <= len(chosen) <= _MOST_OPTIONS or len(set(names)) < len(names):
        raise LeverError(f"one to {_MOST_OPTIONS} options, each of a name of its own, not {names}")
    situation = Situation(funnel, pipeline, target, measure, periods, fiscal_start_month, engine, seed)
    plan = SpendingPlan(situation, chosen, Surface(np.zeros(1), len(chosen), np.nan))
    surface = Surface.fitted(len(chosen), plan.chance)
    return SpendingPlan(situation, chosen, surface)
