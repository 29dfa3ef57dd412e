"""Seasonal naive: the same period of last year."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from funnelsim.nouns.history import DealHistory
from funnelsim.questions.baselines.protocol import Ints, Measure, Samples
from funnelsim.questions.baselines.series import series_of

_LEAST_ERRORS = 2


@dataclass(frozen=True)
class SeasonalNaive:
    """Every period brings what the same one of last year brought; deals are not looked at.

    Notes
    -----
    ``y_{T+h} = y_{T+h-m k}``, the latest known period of the same place in the year; ``m`` periods make a
    year. Range: past errors ``e_j = y_j - y_{j-m}`` have the variance ``s^2 = mean e^2``; each year ahead
    adds an independent error of that variance to the one before, and periods of one year are independent
    [1]_. Student's t with as many degrees of freedom as there are errors; totals below 0 become 0.

    References
    ----------
    .. [1] Hyndman, Athanasopoulos (2021), *Forecasting: principles and practice*, 3rd ed., section 5.5.
    """

    @property
    def name(self) -> str:
        """What the method is called in tables."""
        return "seasonal naive"

    @property
    def formula(self) -> str:
        """What is computed, and how its range comes about."""
        return "total of the same period last year; t-range from its past errors, independent by period"

    def forecast(
        self, seen: DealHistory, edges: Ints, measure: Measure, n_samples: int, rng: np.random.Generator
    ) -> Samples:
        """Joint samples by period; open deals cannot be told apart.

        Raises
        ------
        RivalError
            If less than a year and two periods lies behind the origin.
        """
        season = series_of(seen, edges, measure, n_samples, at_least=1).season
        series = series_of(seen, edges, measure, n_samples, at_least=season + _LEAST_ERRORS)
        errors = series.totals[season:] - series.totals[:-season]
        spread = np.sqrt((errors**2).mean())
        n_periods = len(series.stretch)
        n_years = -(-n_periods // season)
        heaviness = np.sqrt(len(errors) / rng.chisquare(len(errors), size=(n_samples, 1, 1)))
        drift = np.cumsum(rng.standard_normal((n_samples, n_years, season)), axis=1)
        drawn = (series.totals[-season:] + spread * heaviness * drift).reshape(n_samples, -1)[:, :n_periods]
        return Samples(np.maximum(drawn, 0.0) * series.stretch)
