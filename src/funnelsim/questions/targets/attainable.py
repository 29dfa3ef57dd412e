"""Attainable targets: which target has a wanted chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.nouns.forecast import Forecast, Window
from funnelsim.nouns.law import Measure
from funnelsim.nouns.table import told
from funnelsim.questions.targets.quotas import TargetError
from funnelsim.vocabulary.display import PERCENT
from funnelsim.vocabulary.door import checked

Floats = npt.NDArray[np.float64]

_BESIDE = 0.02  # chances on both sides that tell how steeply the target falls


@checked
def attainable(
    outlook: Forecast,
    chances: Sequence[float] = (0.5, 0.8, 0.9),
    *,
    window: Window = None,
    measure: Measure | None = None,
) -> pd.DataFrame:
    """Which target is reached with each of some chances: the A of SMART, as a number.

    Parameters
    ----------
    outlook : Forecast
    chances : sequence of float
        Wanted chances, between 0 and 1.
    window : optional
        Periods that count together; all by default.
    measure : {"bookings", "wins"}, optional

    Returns
    -------
    DataFrame
        Index: ``chance`` (0..1). ``target``, reached with at least that chance; ``target_se``, its standard
        error (that of the chance, over how fast the chance falls), both in the unit of the forecast, or wins;
        and ``of_expected``, the target over the mean (1: as much as is expected).

    Raises
    ------
    TargetError
        If a chance does not lie between 0 and 1.
    ForecastError
        If the forecast has no such window or measure.

    Examples
    --------
    >>> import funnelsim as fs
    >>> history = fs.simulate_history(seed=1)
    >>> fs.attainable(fs.forecast(fs.fit(history), history.pipeline())).index.tolist()
    [0.5, 0.8, 0.9]
    """
    wanted = np.atleast_1d(np.asarray(chances, dtype=float))
    if not ((wanted > 0.0) & (wanted < 1.0)).all() or wanted.ndim != 1 or not len(wanted):
        raise TargetError(f"chances={chances!r} must lie between 0 and 1; write 80 % as 0.8")
    target, error = quantiles_with_errors(outlook, 1.0 - wanted, window, measure)
    mean = outlook.mean(window, measure).value
    frame = pd.DataFrame(
        {
            "target": target,
            "target_se": error,
            "of_expected": target / mean if mean > 0 else np.nan,
        },
        index=pd.Index(wanted, name="chance"),
    )
    unit = "wins" if (measure or outlook.measure) == "wins" else outlook.unit
    return told(frame, {"target": unit, "of_expected": PERCENT})


def quantiles_with_errors(
    outlook: Forecast, chances: Floats, window: Window = None, measure: Measure | None = None
) -> tuple[Floats, Floats]:
    """Quantiles of a total with their standard errors.

    Parameters
    ----------
    outlook : Forecast
    chances : ndarray of shape (n,)
        Of staying below, between 0 and 1.
    window, measure
        As for :meth:`funnelsim.Forecast.quantile`.

    Returns
    -------
    quantile, error : ndarray of shape (n,)
        The error is that of the chance to reach the quantile, over how fast that chance falls there: two
        points of chance to each side.
    """
    law = outlook.law(window, measure)
    quantile = np.asarray(law.quantile(chances), dtype=float)
    low, high = np.maximum(chances - _BESIDE, 1e-6), np.minimum(chances + _BESIDE, 1.0 - 1e-6)
    per_chance = (law.quantile(high) - law.quantile(low)) / (high - low)
    reached = [outlook.chance(float(q), window, measure).standard_error for q in quantile]
    return quantile, np.array(reached) * per_chance
