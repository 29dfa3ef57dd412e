"""Exponential smoothing and Theta by statsforecast: the only module that imports it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from funnelsim.nouns.history import DealHistory
from funnelsim.questions.baselines.protocol import Floats, Ints, Measure, RivalError, Samples, require
from funnelsim.questions.baselines.series import Series, series_of

LIBRARY = "statsforecast"
_LEAST_PERIODS = 8
_LONGEST_SEASON = 24  # beyond it exponential smoothing has no seasonal form, and the library takes none
_LEAST_YEARS = 2


@dataclass(frozen=True)
class AutoETS:
    """Exponential smoothing whose errors, trend and season are chosen by AICc; deals are not looked at.

    Notes
    -----
    A season is allowed for up to 24 periods a year and once two years are known. Range: futures simulated by
    the library from the fitted state space model with normal errors, jointly over periods; they ignore that
    the parameters are estimated. Totals below 0 become 0. If no simulation is finite, the rival refuses.

    References
    ----------
    .. [1] Hyndman, Khandakar (2008), Automatic time series forecasting: the forecast package for R, *Journal
       of Statistical Software* 27(3).
    .. [2] Garza, Mergenthaler Canseco, Challú, Olivares (2022), *StatsForecast*.
    """

    @property
    def name(self) -> str:
        """What the method is called in tables."""
        return "AutoETS"

    @property
    def formula(self) -> str:
        """What is computed, and how its range comes about."""
        return (
            "exponential smoothing of period totals chosen by AICc; futures simulated from the fitted model"
        )

    def forecast(
        self, seen: DealHistory, edges: Ints, measure: Measure, n_samples: int, rng: np.random.Generator
    ) -> Samples:
        """Joint samples by period; open deals cannot be told apart.

        Raises
        ------
        RivalError
            If statsforecast is not installed, or fewer than eight periods are known.
        """
        return _simulated(self.name, seen, edges, measure, n_samples, rng)


@dataclass(frozen=True)
class AutoTheta:
    """The Theta method in its best of four forms; deals are not looked at.

    Notes
    -----
    Season, range and refusals as for :class:`AutoETS`.

    References
    ----------
    .. [1] Fiorucci, Pellegrini, Louzada, Petropoulos, Koehler (2016), Models for optimising the theta method
       and their relationship to state space models, *International Journal of Forecasting* 32(4).
    """

    @property
    def name(self) -> str:
        """What the method is called in tables."""
        return "AutoTheta"

    @property
    def formula(self) -> str:
        """What is computed, and how its range comes about."""
        return "best of four Theta models of period totals; futures simulated from the fitted model"

    def forecast(
        self, seen: DealHistory, edges: Ints, measure: Measure, n_samples: int, rng: np.random.Generator
    ) -> Samples:
        """Joint samples by period; open deals cannot be told apart.

        Raises
        ------
        RivalError
            If statsforecast is not installed, or fewer than eight periods are known.
        """
        return _simulated(self.name, seen, edges, measure, n_samples, rng)


def _simulated(
    name: str, seen: DealHistory, edges: Ints, measure: Measure, n_samples: int, rng: np.random.Generator
) -> Samples:
    require(LIBRARY, name)
    series = series_of(seen, edges, measure, n_samples, at_least=_LEAST_PERIODS)
    seed = int(rng.integers(2**31))
    drawn = _paths(name, series, n_samples, seed)
    if not np.isfinite(drawn).all():
        raise RivalError(f"{name} finds no finite forecast for these {len(series.totals)} periods")
    return Samples(np.maximum(drawn, 0.0) * series.stretch)


def _paths(name: str, series: Series, n_samples: int, seed: int) -> Floats:
    """Futures of the series, shape (n_samples, n_periods)."""
    from statsforecast import models

    size = series.totals.mean() or 1.0  # amounts in millions would leave the optimiser without digits
    model: Any = getattr(models, name)(season_length=_season(series))
    before = np.random.get_state()  # noqa: NPY002 - the library seeds numpy's global generator: put it back
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # advice to its own users, on short series mostly
            model.fit(series.totals / size)
            drawn = model.simulate(h=len(series.stretch), n_paths=n_samples, seed=seed)
    except Exception as error:  # whatever its optimisers raise on an odd series
        raise RivalError(f"{name} cannot be fitted to {len(series.totals)} periods: {error}") from error
    finally:
        np.random.set_state(before)  # noqa: NPY002
    return np.asarray(drawn, dtype=float) * size


def _season(series: Series) -> int:
    fits = series.season <= _LONGEST_SEASON and len(series.totals) >= _LEAST_YEARS * series.season
    return series.season if fits else 1
