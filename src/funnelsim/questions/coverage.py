"""Pipeline coverage: how much open pipeline, or how many leads, a wanted chance of the target needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real

import numpy as np
import pandas as pd

from funnelsim.engines.choose import EngineName
from funnelsim.engines.protocol import Engine
from funnelsim.engines.run import forecast
from funnelsim.nouns.forecast import Forecast, ForecastError, target_amount
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.levers.protocol import LeverError
from funnelsim.nouns.levers.rates import Volume
from funnelsim.nouns.table import told
from funnelsim.vocabulary.display import PERCENT, TIMES
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams

RULE = 3.0  # "three times the target in the pipeline", the rule of thumb of the trade
_LADDER = (1.0, 2.0, 4.0, 8.0)
_NEXT_TO_NOTHING = 1e-3  # the least factor of a lever on volume
_STEPS = 6  # of bisection: a multiple below 2 is known to a sixtieth


@checked
def coverage(
    funnel: Funnel,
    pipeline: Pipeline,
    *,
    target: float | Sequence[float],
    chance: float = 0.8,
    periods: str | Sequence[object] = "4Q",
    fiscal_start_month: int = 1,
    engine: Engine | EngineName = "auto",
    seed: int | np.random.Generator | None = 0,
) -> pd.DataFrame:
    """Open pipeline over remaining target, now and as it should be, beside the rule of three times.

    Parameters
    ----------
    funnel : Funnel
    pipeline : Pipeline
    target : float or sequence of float
        For all periods together, shared out among them by their length; or one for each period.
    chance : float
        Wanted chance, between 0 and 1.
    periods, fiscal_start_month, engine, seed
        As in :func:`funnelsim.forecast`.

    Returns
    -------
    DataFrame
        One row for each number of leading periods: ``target`` (of these periods together; amounts in the unit
        of the forecast), ``remaining`` (less what is realised), ``open_amount`` (an open deal without an
        amount counts with the mean of won deals), ``coverage`` (how many times open is of remaining),
        ``chance`` (0..1) with ``chance_se``; ``coverage_needed`` and ``pipeline_needed``: with so many deals
        like those open now, and new deals as expected, the wanted chance is reached; ``leads_needed``: new
        deals by the end of these periods that reach it with the pipeline as it is, beside ``leads_expected``;
        ``chance_at_rule``: the chance if the open pipeline were three times what remains. NaN where an
        eightfold pipeline, or eight times the leads, do not reach it, or nothing remains or is open: ``note``
        says which, and how many open deals have no amount.

    Raises
    ------
    LeverError, ForecastError
        If the chance is none, there are no amounts, or targets and periods are not of one number.

    Notes
    -----
    A multiple of the pipeline repeats its deals, the same mix of stages, ages and amounts: what a rule of
    thumb leaves out. An old pipeline needs more of itself than a young one.
    """
    if isinstance(chance, bool) or not isinstance(chance, Real) or not 0.0 < chance < 1.0:
        raise LeverError(f"chance={chance!r} must lie between 0 and 1; write 80 % as 0.8")
    case = _Case(funnel, pipeline, periods, fiscal_start_month, engine, Streams.of(seed).seed)
    if case.by_pipeline(1.0).measure == "wins":
        raise ForecastError(
            "coverage counts money, and no won deal has an amount, or all have one of 0; check which column "
            "holds the amounts (columns= of read_deals)"
        )
    targets = np.cumsum(_targets(target, case.by_pipeline(1.0)))
    rows = [case.row(n + 1, upto, float(chance)) for n, upto in enumerate(targets.tolist())]
    now = case.by_pipeline(1.0)
    amounts = ("target", "remaining", "open_amount", "pipeline_needed")
    units = dict.fromkeys(amounts, now.unit) | dict.fromkeys(("coverage", "coverage_needed"), TIMES)
    frame = pd.DataFrame(rows, index=pd.Index(now.periods.labels, name="until the end of"))
    return told(frame, units | {"chance_at_rule": PERCENT})


@dataclass(frozen=True, eq=False)
class _Case:
    """Forecasts under multiples of the pipeline, and of the leads; each is made once."""

    funnel: Funnel
    pipeline: Pipeline
    periods: str | Sequence[object]
    fiscal_start_month: int
    engine: Engine | EngineName
    seed: int
    _known: dict[tuple[str, float], Forecast] = field(default_factory=dict, init=False)

    def by_pipeline(self, multiple: float) -> Forecast:
        """With so many deals like those open now."""
        return self._kept("pipeline", multiple, self.funnel, repeated(self.pipeline, multiple))

    def by_leads(self, factor: float) -> Forecast:
        """With so many times the new deals."""
        return self._kept("leads", factor, Volume(factor).apply(self.funnel), self.pipeline)

    def _kept(self, what: str, multiple: float, funnel: Funnel, pipeline: Pipeline) -> Forecast:
        if (what, multiple) not in self._known:
            self._known[what, multiple] = forecast(
                funnel,
                pipeline,
                periods=self.periods,
                fiscal_start_month=self.fiscal_start_month,
                engine=self.engine,
                seed=self.seed,
            )
        return self._known[what, multiple]

    def row(self, n: int, target: float, wanted: float) -> dict[str, object]:
        """What the first `n` periods have and need."""
        base, amount = self.by_pipeline(1.0), self.pipeline.amount
        assert self.funnel.amounts is not None  # as coverage has checked
        open_amount = float(np.where(np.isnan(amount), self.funnel.amounts.mean, amount).sum())
        remaining = target - base.realised_bookings
        leads, now = _expected_leads(self.funnel, base, n), base.chance(target, n)
        is_short, needed, factor, rule = remaining > 0, np.nan, np.nan, np.nan
        if is_short:
            needed = _multiple(self.by_pipeline, n, target, wanted) if open_amount > 0 else np.nan
            factor = _multiple(self.by_leads, n, target, wanted)
        if is_short and open_amount > 0:
            rule = self.by_pipeline(RULE * remaining / open_amount).chance(target, n).value
        return {
            "target": target,
            "remaining": remaining,
            "open_amount": open_amount,
            "coverage": open_amount / remaining if is_short else np.nan,
            "chance": now.value,
            "chance_se": now.standard_error,
            "coverage_needed": needed * open_amount / remaining if is_short else np.nan,
            "pipeline_needed": needed * open_amount,
            "leads_expected": leads,
            "leads_needed": factor * leads,
            "chance_at_rule": rule,
            "note": self._note(is_short, open_amount > 0, needed, factor),
        }

    def _note(self, is_short: bool, has_pipeline: bool, needed: float, factor: float) -> str:
        """Why a figure is missing, and what was filled in."""
        said, mean = [], 0.0 if self.funnel.amounts is None else self.funnel.amounts.mean
        if not is_short:
            said.append("nothing remains to be won")
        elif not has_pipeline:
            said.append("no open pipeline to be multiplied")
        elif np.isnan(needed):
            said.append(f"{_LADDER[-1]:g} times the pipeline do not do")
        if is_short and np.isnan(factor):
            said.append(f"{_LADDER[-1]:g} times the leads do not do")
        missing = int(np.isnan(self.pipeline.amount).sum())
        if missing:
            worth = f"{mean:,.0f} {self.funnel.unit}".rstrip()
            said.append(
                f"deals without an amount ({missing:,} of {self.pipeline.n_deals:,} open ones) count with "
                f"the mean of won deals, {worth}"
            )
        return "; ".join(said)


def repeated(pipeline: Pipeline, multiple: float) -> Pipeline:
    """A pipeline of so many times the deals, the same mix: each repeated, or left out, at even distances.

    Parameters
    ----------
    pipeline : Pipeline
    multiple : float
        0 or more; 2.5 takes every deal twice and every second one a third time, in order of stage, age and
        amount.
    """
    if multiple == 1.0:
        return pipeline
    order = np.lexsort((np.nan_to_num(pipeline.amount), pipeline.age_steps, pipeline.stage))
    upto = np.floor(multiple * np.arange(pipeline.n_deals + 1) + 0.5).astype(np.int64)
    index = np.repeat(order, np.diff(upto))
    ids = np.array([f"{pipeline.deal_ids[i]} ({n})" for n, i in enumerate(index)], dtype=object)
    return replace(pipeline.of_deals(index), deal_ids=ids)


def _targets(target: float | Sequence[float], base: Forecast) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A target for each period."""
    lengths = np.diff(base.periods.edges)
    if not isinstance(target, Sequence):
        return np.asarray(target_amount(target) * lengths / lengths.sum())
    each = np.array([target_amount(some) for some in target])
    if len(each) != len(lengths):
        raise ForecastError(f"{len(lengths)} periods need as many targets, or one for all; {len(each)} given")
    return each


def _expected_leads(funnel: Funnel, base: Forecast, n_periods: int) -> float:
    """New deals expected from the cutoff to the end of some periods, at the usual rate and its level now."""
    level = 1.0 if funnel.pace is None or funnel.pace.arrivals is None else funnel.pace.arrivals.mean
    per_step = funnel.arrivals.mean_per_block / funnel.arrivals.block_steps * funnel.changes.volume
    return float(per_step * level * base.periods.steps_ahead[n_periods])


def _multiple(
    forecast_at: Callable[[float], Forecast], n_periods: int, target: float, wanted: float
) -> float:
    """Smallest multiple, from 0 to 8, at which leading periods reach a target with a wanted chance."""

    def chance(multiple: float) -> float:
        return forecast_at(multiple).chance(target, n_periods).value

    low, high = 0.0, next((rung for rung in _LADDER if chance(rung) >= wanted), np.nan)
    if np.isnan(high):
        return float("nan")
    if chance(_NEXT_TO_NOTHING) >= wanted:
        return 0.0
    low = high / 2.0 if high > 1.0 else _NEXT_TO_NOTHING
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        low, high = (low, middle) if chance(middle) >= wanted else (middle, high)
    return high
