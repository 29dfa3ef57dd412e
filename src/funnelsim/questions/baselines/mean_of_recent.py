"""Mean of recent periods: what the next ones bring if nothing changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from funnelsim.nouns.history import DealHistory
from funnelsim.questions.baselines.protocol import Ints, Measure, RivalError, Samples
from funnelsim.questions.baselines.series import series_of

_LEAST_ERRORS = 2


@dataclass(frozen=True)
class MeanOfRecent:
    """Every period brings the mean of the last few; deals are not looked at.

    Parameters
    ----------
    n_periods : int
        How many periods the mean is taken over, usually 4 to 12.

    Notes
    -----
    ``y_h = mean(y_1 .. y_n)``. Its past errors one period ahead, ``e_j = y_j - mean(y_{j-n} .. y_{j-1})``,
    have the variance ``s^2 = mean e^2``. If periods vary independently about a steady level, the share
    ``n / (n + 1)`` of it is each period's own and ``1 / (n + 1)`` the error of the mean, common to all
    periods: so futures are drawn, by Student's t with as many degrees of freedom as there are errors. Totals
    below 0 become 0.

    References
    ----------
    .. [1] Hyndman, Athanasopoulos (2021), *Forecasting: principles and practice*, 3rd ed., sections 5.2, 5.5.
    """

    n_periods: int = 4

    def __post_init__(self) -> None:
        if self.n_periods < 1:
            raise RivalError(f"n_periods must be at least 1, not {self.n_periods}")

    @property
    def name(self) -> str:
        """What the method is called in tables."""
        return f"mean of last {self.n_periods}"

    @property
    def formula(self) -> str:
        """What is computed, and how its range comes about."""
        return (
            f"mean of the last {self.n_periods} periods for every period; t-range from its past errors one "
            "period ahead, the error of the mean common to all periods"
        )

    def forecast(
        self, seen: DealHistory, edges: Ints, measure: Measure, n_samples: int, rng: np.random.Generator
    ) -> Samples:
        """Joint samples by period; open deals cannot be told apart.

        Raises
        ------
        RivalError
            If fewer than two past errors are known.
        """
        n = self.n_periods
        series = series_of(seen, edges, measure, n_samples, at_least=n + _LEAST_ERRORS)
        means = np.convolve(series.totals, np.full(n, 1.0 / n), mode="valid")
        errors = series.totals[n:] - means[:-1]
        spread = np.sqrt((errors**2).mean())
        size = (n_samples, len(series.stretch))
        heaviness = np.sqrt(len(errors) / rng.chisquare(len(errors), size=(n_samples, 1)))
        common = rng.standard_normal((n_samples, 1)) / np.sqrt(n + 1)
        own = rng.standard_normal(size) * np.sqrt(n / (n + 1))
        drawn = means[-1] + spread * heaviness * (common + own)
        return Samples(np.maximum(drawn, 0.0) * series.stretch)
