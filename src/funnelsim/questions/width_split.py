"""Width split: how much of a range is chance, large deals, deals to come, parameters and the shared shock."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.engines.exact import Exact, ExactOutcome
from funnelsim.engines.run import forecast
from funnelsim.nouns.forecast import Forecast, ForecastError
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Measure
from funnelsim.nouns.table import LUCK, told
from funnelsim.numerics.portfolio import Portfolio
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams
from funnelsim.vocabulary.uncertainty import check_interval

Floats = npt.NDArray[np.float64]


@checked
def width_split(
    funnel: Funnel,
    pipeline: Pipeline,
    *,
    periods: str | Sequence[object] = "4Q",
    measure: Measure | None = None,
    n_large: int = 10,
    interval: float = 0.8,
    fiscal_start_month: int = 1,
    n_draws: int = 100,
    seed: int | np.random.Generator | None = 0,
) -> pd.DataFrame:
    """Split the range of a forecast's total by where it comes from; the parts add up to all of it.

    Parameters
    ----------
    funnel : Funnel
    pipeline : Pipeline
    periods, measure, fiscal_start_month, seed
        As in :func:`funnelsim.forecast`.
    n_large : int
        Open deals, largest amounts first, that are told apart as large.
    interval : float
        Share of the futures that the range holds.
    n_draws : int
        Draws of the parameters.

    Returns
    -------
    DataFrame
        Index: ``chance`` (which of the other open deals are won), ``large deals``, ``deals to come``,
        ``parameters`` (rates, paces and arrivals that are not known), ``shared shock``, and ``total``.
        ``sd``: the standard deviation each would leave alone, in the unit of the forecast; ``share``: its
        share of the variance (0..1); and ``width``: that share of the width of the central range, in the unit
        of the forecast.

    Raises
    ------
    ForecastError
        If `n_large` is negative or `interval` no share; and as :func:`funnelsim.forecast`.

    Notes
    -----
    The rule: variances add, widths do not, so the width is shared out as the variance is. Given the
    parameters deals are independent, and their variances are closed forms, averaged over draws; the spread
    of the expected total over draws is that of the parameters; what the shared shock adds to all of these is
    its part. No share has a simulation error; those of parameters and shock rest on `n_draws` draws in
    strata, which is good to about a tenth of themselves at 100.
    """
    if isinstance(n_large, bool) or not isinstance(n_large, int) or n_large < 0:
        raise ForecastError(f"n_large={n_large!r} must be a whole number; write 0 to tell no deal apart")
    check_interval(interval, ForecastError)
    streams = Streams.of(seed)

    def at(shaken: Funnel) -> Forecast:
        return forecast(
            shaken,
            pipeline,
            periods=periods,
            measure=measure,
            fiscal_start_month=fiscal_start_month,
            engine=Exact(n_draws=n_draws),
            seed=streams.seed,
        )

    whole, calm = at(funnel), at(funnel.with_shock(None))
    parts = _variances(calm, n_large)
    parts["shared shock"] = max(whole.sd() ** 2 - sum(parts.values()), 0.0)
    low, high = whole.quantile([(1 - interval) / 2, (1 + interval) / 2])
    unit = whole.unit if whole.is_money else "wins"
    return told(_table(parts, float(high - low)), {"sd": unit, "width": unit}, LUCK)


def _variances(outlook: Forecast, n_large: int) -> dict[str, float]:
    """Variance of the total by source, without a shock."""
    outcome = outlook.outcome
    assert isinstance(outcome, ExactOutcome)
    portfolio = outcome.portfolio(range(len(outlook.periods)), outlook.measure)
    amount, variance = _open_deals(portfolio)
    large = np.argsort(-amount, kind="stable")[: n_large if outlook.measure == "bookings" else 0]
    of_open = float(variance.sum())
    of_large = float(variance[large].sum())
    return {
        "chance": max(of_open - of_large, 0.0),
        "large deals": of_large,
        "deals to come": max(float(portfolio.variance().mean()) - of_open, 0.0),
        "parameters": float(portfolio.mean().var()),
    }


def _open_deals(portfolio: Portfolio) -> tuple[Floats, Floats]:
    """Expected amount and variance of each open deal (or of deals that are alike)."""
    lumps = portfolio.lumps
    spread = (lumps.chance * (1 - lumps.chance)).mean(axis=0) * lumps.amount**2 * lumps.count
    amounts, variances = [lumps.amount], [spread]
    for some in portfolio.unsure:
        first, second = (some.prizes.moment(power)[:, None] for power in (1, 2))
        each = some.chance * second - (some.chance * first) ** 2
        amounts.append(some.factor * float(first.mean()))
        variances.append(each.mean(axis=0) * some.factor**2 * some.count)
    return np.concatenate(amounts), np.concatenate(variances)


def _table(parts: dict[str, float], width: float) -> pd.DataFrame:
    variance = pd.Series(parts)
    share = variance / variance.sum() if variance.sum() > 0 else variance
    frame = pd.DataFrame({"sd": np.sqrt(variance), "share": share, "width": share * width})
    frame.loc["total"] = [np.sqrt(variance.sum()), share.sum(), width]
    return frame.rename_axis("source")
