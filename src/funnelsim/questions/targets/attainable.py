"""Attainable targets: which target has a wanted chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from funnelsim.nouns.forecast import Forecast, Window
from funnelsim.nouns.law import Measure
from funnelsim.questions.targets.quotas import TargetError

_BESIDE = 0.02  # chances on both sides that tell how steeply the target falls


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
        Index: ``chance``. ``target``, reached with at least that chance; ``target_se``, its standard error
        (that of the chance, over how fast the chance falls); and ``of_expected``, the target over the mean.

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
    law = outlook.law(window, measure)
    target = law.quantile(1.0 - wanted)
    above = np.minimum(wanted + _BESIDE, 1.0 - 1e-6)
    below = np.maximum(wanted - _BESIDE, 1e-6)
    fall = law.quantile(1.0 - below) - law.quantile(1.0 - above)
    error = np.array([outlook.chance(float(t), window, measure).standard_error for t in target])
    mean = outlook.mean(window, measure).value
    return pd.DataFrame(
        {
            "target": target,
            "target_se": error * fall / (above - below),
            "of_expected": target / mean if mean > 0 else np.nan,
        },
        index=pd.Index(wanted, name="chance"),
    )
