"""From an engine's outcome to a forecast: what is realised, and what is said of each open deal."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from funnelsim.engines.chances import Positions
from funnelsim.engines.protocol import EngineError
from funnelsim.nouns.forecast import Forecast
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Outcome
from funnelsim.nouns.open_deals import OpenDeals
from funnelsim.numerics.collections import earned_by
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.pipeline import Pipeline

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def check_match(funnel: Funnel, pipeline: Pipeline) -> None:
    """Refuse a pipeline that is not of the funnel's kind.

    Raises
    ------
    EngineError
        If the pipeline's clock or stages are not those of the funnel.
    """
    if funnel.clock != pipeline.clock:
        raise EngineError(
            f"the funnel counts {funnel.clock.step}s, the pipeline {pipeline.clock.step}s; use one step"
        )
    if pipeline.n_deals and pipeline.stage.max() >= funnel.stages.n_open:
        raise EngineError(
            "the pipeline has stages the funnel does not know; read it with the funnel's stages"
        )


def assembled(
    outcome: Outcome,
    funnel: Funnel,
    pipeline: Pipeline,
    periods: Periods,
    positions: Positions,
    chance: Floats,
    *,
    engine: str,
    seed: int,
) -> Forecast:
    """A forecast around an outcome.

    Parameters
    ----------
    outcome : Outcome
    funnel : Funnel
    pipeline : Pipeline
    periods : Periods
    positions : Positions
    chance : ndarray of shape (n_draws, n_positions, n_periods)
        Chance of the deals of each position to be won in each period.
    engine : str
        Name of the method.
    seed : int
    """
    realised = periods.period_of(pipeline.won_step) == 0
    won_amount = _with_mean_amount(funnel, pipeline.won_amount)
    return Forecast(
        periods=periods,
        realised_wins=float(realised.sum()),
        realised_bookings=float(won_amount[realised].sum()) if funnel.amounts is not None else 0.0,
        outcome=outcome,
        deals=OpenDeals(
            deal_ids=pipeline.deal_ids,
            stage=pipeline.stage,
            stage_names=tuple(stage.name for stage in funnel.stages.open),
            age_steps=pipeline.age_steps,
            amount=funnel.changes.open_amount
            * _with_mean_amount(funnel, pipeline.amount * funnel.mean_revision()[pipeline.stage]),
            is_imputed=np.isnan(pipeline.amount),
            chance=chance.mean(axis=0)[positions.of_deal],
            chance_sd=chance.sum(axis=2).std(axis=0, ddof=1)[positions.of_deal],
        ),
        unit=funnel.unit,
        engine=engine,
        seed=seed,
        realised_revenue=_earned(funnel, won_amount, pipeline.won_step, periods),
        realised_cash=paid_so_far(pipeline, periods),
    )


def _earned(funnel: Funnel, won_amount: Floats, won_step: Ints, periods: Periods) -> float:
    """Revenue of the running period before the cutoff, from the wins that are kept."""
    if funnel.collections is None or funnel.amounts is None:
        return 0.0
    edges = np.array([periods.edges[0] - 1, max(periods.cutoff_step, periods.edges[0] - 1)])
    earned = earned_by(edges, won_step, *funnel.collections.recognition.steps(funnel.clock))
    return float(won_amount @ np.diff(earned, axis=1)[:, 0])


def paid_so_far(pipeline: Pipeline, periods: Periods) -> float:
    """Payments of the running period before the cutoff, from the invoices; 0 where there are none."""
    known = pipeline.receivables
    if known is None:
        return 0.0
    return float(known.paid_amount[periods.period_of(known.paid_step) == 0].sum())


def _with_mean_amount(funnel: Funnel, amount: Floats) -> Floats:
    """Amounts with the mean of won deals (1 where the data has none) in place of missing ones."""
    return np.where(np.isnan(amount), funnel.amounts.mean if funnel.amounts else 1.0, amount)
