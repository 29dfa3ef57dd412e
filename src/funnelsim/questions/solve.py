"""How far a lever must move for a wanted chance, or that it cannot; and what a small move does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize

from funnelsim.engines.choose import EngineName
from funnelsim.engines.protocol import Engine
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Measure, over_draws
from funnelsim.nouns.levers.cash import Collection
from funnelsim.nouns.levers.people import Hire, SellingTime
from funnelsim.nouns.levers.protocol import Lever, LeverError
from funnelsim.nouns.levers.rates import Conversion, Speed, Volume, Yield
from funnelsim.nouns.table import told
from funnelsim.questions.situation import Situation
from funnelsim.vocabulary.display import PER_CENT, PERCENT, PERCENTAGE_POINTS, TIMES, Shown
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.pipeline import Pipeline

Floats = npt.NDArray[np.float64]
LeverOf = Callable[[float], Lever]

_LADDER = np.geomspace(1.0, 8.0, 7)  # a lever that must move further than eightfold is no plan
_SETTLED = 1e-3  # of the logarithm of a factor: a tenth of a per cent
_MOST_STEPS = 12
_LEAST_STEP = 1e-5  # up from a root that a search found a little below the wanted chance
_MOST_DECIMALS = 6


def usual_levers(funnel: Funnel) -> dict[str, LeverOf]:
    """The factors of the trade, each as a function of how far it moves: 1.1 is a tenth more."""
    levers: dict[str, LeverOf] = {"volume": Volume, "conversion": Conversion, "speed": Speed}
    return levers if funnel.amounts is None else levers | {"yield": Yield}


@checked
def solve_for(
    funnel: Funnel,
    pipeline: Pipeline,
    *,
    target: float,
    chance: float = 0.8,
    levers: Mapping[str, LeverOf] | None = None,
    measure: Measure | None = None,
    periods: str | Sequence[object] = "4Q",
    fiscal_start_month: int = 1,
    engine: Engine | EngineName = "auto",
    seed: int | np.random.Generator | None = 0,
) -> pd.DataFrame:
    """How far each lever must move, alone, until the target has a wanted chance.

    Parameters
    ----------
    funnel : Funnel
    pipeline : Pipeline
    target : float
    chance : float
        Wanted chance of the target, between 0 and 1.
    levers : mapping of str to callable, optional
        From a factor to a lever, such as ``{"speed of Proof": lambda v: Speed(v, "Proof")}``; by default
        volume, conversion, speed and, with amounts, yield, each at every step.
    measure, periods, fiscal_start_month, engine, seed
        As in :func:`funnelsim.forecast`.

    Returns
    -------
    DataFrame
        Index: lever. ``factor`` needed (1.2: a fifth more; 1 where the chance is there already, NaN where it
        cannot be reached alone), ``factor_se`` (what the error of the chance makes of it), ``chance`` reached
        at it (0..1), ``most_chance`` that was found on the way up to a factor of 8 and ``at`` which factor,
        and ``verdict`` in words.

    Raises
    ------
    LeverError, ForecastError
        If the chance is none, or a lever cannot be applied.

    Notes
    -----
    A chance is looked up on a ladder of factors, because a lever need not help ever more (faster deals bring
    wins of later periods forward, and end the loss-making stays as well); between the first two rungs that
    enclose the wanted chance its root is found to a tenth of a per cent, on the side that has the chance.
    """
    if isinstance(chance, bool) or not isinstance(chance, Real) or not 0.0 < chance < 1.0:
        raise LeverError(f"chance={chance!r} must lie between 0 and 1; write 80 % as 0.8")
    situation = Situation(funnel, pipeline, target, measure, periods, fiscal_start_month, engine, seed)
    chosen = usual_levers(funnel) if levers is None else checked_makers(levers)
    rows = [_Search(situation, lever_of).row(float(chance)) for lever_of in chosen.values()]
    frame = pd.DataFrame(rows, index=pd.Index(list(chosen), name="lever"))
    return told(
        frame,
        {"factor": TIMES, "at": TIMES, "most_chance": PERCENT},
        {"at": "at factor", "factor": "factor needed", "factor_se": "factor needed se"},
    )


def checked_makers(levers: object) -> Mapping[str, LeverOf]:
    """Ways to make a lever of a factor, by name.

    Raises
    ------
    LeverError
        If these are none.
    """
    given = levers if isinstance(levers, Mapping) else {}
    odd = [name for name, lever_of in given.items() if not callable(lever_of) or not _makes_one(lever_of)]
    if not given or odd:
        raise LeverError(
            "levers are given by name, each as a function from a factor to a lever, such as "
            f"{{'speed of Proof': lambda v: Speed(v, 'Proof')}}, not {odd[0] if odd else levers!r}"
        )
    return given


def _makes_one(lever_of: LeverOf) -> bool:
    return isinstance(lever_of(1.1), Lever)


@dataclass(frozen=True, eq=False)
class _Search:
    """The search for one lever's factor."""

    situation: Situation
    lever_of: LeverOf

    def chance(self, factor: float) -> float:
        return self.situation.chance_under(self.lever_of(factor))

    def row(self, wanted: float) -> dict[str, object]:
        base = self.situation.base.chance()
        if base.value >= wanted:
            return self._told(1.0, 0.0, base.value, (1.0, base.value), "is there already")
        climbed = [(1.0, base.value)]
        for rung in _LADDER[1:].tolist():
            climbed.append((rung, self.chance(rung)))
            if climbed[-1][1] >= wanted:
                return self._root(wanted, climbed[-2], climbed[-1], base.standard_error)
        at, most = max(climbed, key=lambda step: step[1])
        reached = beside(wanted, most)
        return self._told(np.nan, np.nan, np.nan, (at, most), f"cannot alone, reaches at most {reached} %")

    def _root(
        self, wanted: float, low: tuple[float, float], high: tuple[float, float], error: float
    ) -> dict[str, object]:
        seen = {np.log(factor): chance for factor, chance in (low, high)}

        def short(log_factor: float) -> float:
            if log_factor not in seen:
                seen[log_factor] = self.chance(float(np.exp(log_factor)))
            return seen[log_factor] - wanted

        found, _ = optimize.brentq(
            short,
            float(np.log(low[0])),
            float(np.log(high[0])),
            xtol=_SETTLED,
            maxiter=_MOST_STEPS,
            full_output=True,
            disp=False,
        )
        found = stepped_up(short, found, float(np.log(high[0])))
        reached, factor = wanted + short(found), float(np.exp(found))
        slope = (high[1] - low[1]) / np.log(high[0] / low[0])
        se = factor * error / slope if slope > 0 else np.nan
        change = f"{100 * (factor - 1):+.3g} %"
        return self._told(factor, se, reached, high, f"{change} is needed")

    @staticmethod
    def _told(
        factor: float, se: float, chance: float, most: tuple[float, float], verdict: str
    ) -> dict[str, object]:
        return {
            "factor": factor,
            "factor_se": se,
            "chance": chance,
            "most_chance": most[1],
            "at": most[0],
            "verdict": verdict,
        }


def stepped_up(short: Callable[[float], float], at: float, top: float) -> float:
    """The first place from a root found on upwards where nothing is short; each step is four times the last.

    A root is found to a tolerance, on either side: what is told to reach a chance must reach it.
    """
    step = _LEAST_STEP
    while short(at) < 0 and at < top:
        at, step = min(at + step, top), 4.0 * step
    return at


def beside(wanted: float, chance: float) -> str:
    """A chance in per cent, in as many digits as keep it on its own side of the wanted one.

    Examples
    --------
    >>> beside(0.8, 0.5188), beside(0.8, 0.79996), beside(0.526899, 0.52692)
    ('51.9', '79.996', '52.7')
    """
    texts = [f"{100.0 * chance:.{decimals}f}" for decimals in range(1, _MOST_DECIMALS + 1)]
    goal, reaches = round(100.0 * wanted, _MOST_DECIMALS), chance >= wanted
    return next((text for text in texts if (float(text) >= goal) == reaches), texts[-1])


@checked
def elasticities(
    funnel: Funnel,
    pipeline: Pipeline,
    *,
    target: float,
    measure: Measure | None = None,
    periods: str | Sequence[object] = "4Q",
    fiscal_start_month: int = 1,
    engine: Engine | EngineName = "auto",
    seed: int | np.random.Generator | None = 0,
) -> pd.DataFrame:
    """What one per cent more of each factor does: at every step together, stage by stage, in cash and people.

    Parameters
    ----------
    funnel, pipeline, target, measure, periods, fiscal_start_month, engine, seed
        As in :func:`solve_for`.

    Returns
    -------
    DataFrame
        Index: lever. ``chance_points``: change of the chance of the target, in percentage points, with
        ``chance_points_se``; ``mean_percent``: change of the expected total in per cent of it, with
        ``mean_percent_se`` (NaN where nothing is expected). Errors are of the difference, paired over draws.
        With ``measure="cash"`` also faster payments, and fewer that never come; with an engine of events also
        time spent selling, and the team: there is no hundredth of a rep, so the effect of whole ones is
        scaled to one per cent of the team.
    """
    situation = Situation(funnel, pipeline, target, measure, periods, fiscal_start_month, engine, seed)
    rows = {name: _one_per_cent(situation, *moved) for name, moved in _small_moves(situation).items()}
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("lever")
    return told(frame, {"chance_points": PERCENTAGE_POINTS, "mean_percent": PER_CENT})


def _one_per_cent(situation: Situation, lever: Lever, scale: float) -> dict[str, float]:
    """The effect of a lever, scaled to a move of one per cent."""
    base, outlook = situation.base.law().mean_by_draw(), situation.under(lever)
    chance, mean = situation.change_of_chance(outlook), over_draws(outlook.law().mean_by_draw() - base)
    whole = base.mean() if base.mean() > 0 else np.nan
    return {
        "chance_points": 100 * scale * chance.value,
        "chance_points_se": 100 * scale * chance.standard_error,
        "mean_percent": 100 * scale * mean.value / whole,
        "mean_percent_se": 100 * scale * mean.standard_error / whole,
    }


def _small_moves(situation: Situation) -> dict[str, tuple[Lever, float]]:
    """Levers that move by one per cent, by name, each with the factor that scales it to that."""
    funnel = situation.funnel
    stages = [stage.name for stage in funnel.stages.open]
    levers: list[Lever] = [lever_of(1.01) for lever_of in usual_levers(funnel).values()]
    if situation.base.measure == "cash" and funnel.collections is not None:
        levers.append(Collection(faster=1.01))
        levers += [Collection(never_paid=0.99)] if funnel.collections.never_paid > 0 else []
    if len(stages) > 1:
        levers += [kind(1.01, stage) for kind in (Conversion, Speed) for stage in stages]
    return {lever.name: (lever, 1.0) for lever in levers} | _of_people(situation.engine)


def _of_people(engine: Engine | EngineName) -> dict[str, tuple[Lever, float]]:
    """The same for time spent selling and the team, where the engine knows them."""
    from funnelsim.engines.events.engine import Events  # simpy, only where people matter

    if not isinstance(engine, Events):
        return {}
    moves: dict[str, tuple[Lever, float]] = {}
    team = engine.team
    if 0 < team.selling_share <= 1 / 1.01:
        moves["time spent selling +1 %"] = (SellingTime(1.01 * team.selling_share), 1.0)
    if team.reps:
        n_hired = max(1, round(len(team.reps) / 100))
        scale = len(team.reps) / (100 * n_hired)
        moves[f"team +1 % (by {n_hired} more for {len(team.reps)})"] = (Hire(n_hired), scale)
    return moves


@dataclass(frozen=True, eq=False)
class LeverGrid(Shown):
    """The chance of the target over settings of two levers.

    Parameters
    ----------
    names : (str, str)
    first, second : ndarray of shape (n_settings,)
        Factors.
    chance, chance_se : ndarray of shape (n_settings, n_settings)
        With its standard error; 0..1. Rows: of the first lever.
    target : float
    unit : str
    """

    names: tuple[str, str]
    first: Floats
    second: Floats
    chance: Floats
    chance_se: Floats
    target: float
    unit: str

    def __repr__(self) -> str:
        low, high = float(self.chance.min()), float(self.chance.max())
        size = f"{len(self.first)} x {len(self.second)}"
        chances = f"{100 * low:.1f} % to {100 * high:.1f} %"
        return f"LeverGrid({' and '.join(self.names)}, {size} settings: chances {chances})"

    def table(self) -> pd.DataFrame:
        """Chance of the target (0..1): rows by factor of the first lever, columns by that of the second.

        Its standard errors are in :attr:`chance_se`, in the same order.
        """
        rows = pd.Index(self.first.round(4), name=self.names[0])
        columns = pd.Index(self.second.round(4), name=self.names[1])
        frame = pd.DataFrame(self.chance, index=rows, columns=columns)
        return told(frame, dict.fromkeys(map(str, columns), PERCENT))


@checked
def lever_grid(
    funnel: Funnel,
    pipeline: Pipeline,
    *,
    target: float,
    levers: Mapping[str, LeverOf] | None = None,
    most: float = 1.5,
    n_settings: int = 6,
    measure: Measure | None = None,
    periods: str | Sequence[object] = "4Q",
    fiscal_start_month: int = 1,
    engine: Engine | EngineName = "auto",
    seed: int | np.random.Generator | None = 0,
) -> LeverGrid:
    """The chance of the target over two levers: which pairs of moves reach it.

    Parameters
    ----------
    funnel, pipeline, target, measure, periods, fiscal_start_month, engine, seed
        As in :func:`solve_for`.
    levers : mapping of str to callable, optional
        Two of them; volume and conversion by default.
    most : float
        Largest factor, above 1.
    n_settings : int
        Of each lever, 2 to 20: their square is the number of forecasts.

    Returns
    -------
    LeverGrid

    Raises
    ------
    LeverError
        If these are not two levers, or the settings are out of range.
    """
    chosen = {"volume": Volume, "conversion": Conversion} if levers is None else dict(levers)
    if len(chosen) != 2:
        raise LeverError(f"a grid takes two levers, not {len(chosen)}: {', '.join(chosen)}")
    if not 1.0 < most <= 100.0 or not 2 <= n_settings <= 20:
        raise LeverError(f"most={most!r} must be above 1, up to 100, and n_settings={n_settings!r} in 2..20")
    situation = Situation(funnel, pipeline, target, measure, periods, fiscal_start_month, engine, seed)
    (first, one), (second, other) = chosen.items()
    factors = np.linspace(1.0, most, n_settings)
    chances = [
        [situation.under(one(a), other(b)).chance() for b in factors.tolist()] for a in factors.tolist()
    ]
    chance, error = np.moveaxis(np.array(chances, dtype=float), -1, 0)
    unit = funnel.unit if situation.base.measure == "bookings" else "wins"
    return LeverGrid((first, second), factors, factors.copy(), chance, error, situation.target, unit)
