"""Calendar effects: factors by weekday, month of the quarter, month of the year, hour of the day.

They multiply the rates of a series (or of arrivals) step by step; one factor for each category, the mean over
the categories of a kind is 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Kind = Literal["hour of day", "weekday", "month of quarter", "month of year"]

HOLIDAY = 7
SIZES: dict[Kind, int] = {"hour of day": 24, "weekday": 8, "month of quarter": 3, "month of year": 12}
_PRIOR_COUNTS = 10.0  # a category of as many counts is taken half as it shows, half as usual
_ROUNDS = 30
_CLEARLY = 2.0  # standard errors


def categories(
    moments: npt.NDArray[np.datetime64], kind: Kind, holidays: Sequence[np.datetime64] = ()
) -> Ints:
    """Category of each moment; on weekdays 0 is Monday and 7 a holiday, months count from 0.

    Parameters
    ----------
    moments : ndarray of datetime64, shape (n_steps,)
        Start of each step, in the business's time zone.
    kind : {"hour of day", "weekday", "month of quarter", "month of year"}
    holidays : sequence of datetime64
        Days that are like no weekday.
    """
    day = moments.astype("datetime64[D]")
    if kind == "hour of day":
        return (moments.astype("datetime64[h]") - day.astype("datetime64[h]")).astype(np.int64)
    if kind == "weekday":
        weekday = (day.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
        return np.where(np.isin(day, np.array(holidays, dtype="datetime64[D]")), HOLIDAY, weekday)
    month = moments.astype("datetime64[M]").astype(np.int64) % 12
    return month % 3 if kind == "month of quarter" else month


@dataclass(frozen=True, eq=False)
class Factors:
    """Factors of one kind for one series.

    Parameters
    ----------
    kind : str
    values : ndarray of float, shape (n_categories,)
        Their mean is 1 (holidays apart).
    standard_error : ndarray of float, shape (n_categories,)
    """

    kind: Kind
    values: Floats
    standard_error: Floats

    def __post_init__(self) -> None:
        self.values.flags.writeable = False
        self.standard_error.flags.writeable = False


def fit_factors(observed: Floats, expected: Floats, kinds: dict[Kind, Ints]) -> list[Factors]:
    """Factors of several kinds at once, given what to expect in each step without them.

    Parameters
    ----------
    observed, expected : ndarray of float, shape (n_steps,)
    kinds : dict of kind to category of each step

    Returns
    -------
    list of Factors

    Notes
    -----
    Counts are Poisson with mean expected x product of factors, each factor Gamma(10, 10) before the data; the
    modes are found kind by kind, 30 rounds (iterative proportional fitting with shrinkage); one for one kind.

    References
    ----------
    .. [1] Deming, Stephan (1940), On a least squares adjustment of a sampled frequency table, *Annals of
       Mathematical Statistics* 11(4), 427-444.
    """
    values = {kind: np.ones(SIZES[kind]) for kind in kinds}
    sums = {kind: np.bincount(at, observed, SIZES[kind]) for kind, at in kinds.items()}
    alone: dict[Kind, Floats] = {}
    for _ in range(_ROUNDS if len(kinds) > 1 else 1):  # one by itself is there at once
        for kind, at in kinds.items():
            others = expected * by_step({k: v for k, v in values.items() if k != kind}, kinds, len(observed))
            alone[kind] = np.bincount(at, others, SIZES[kind]).astype(float)
            scale = sums[kind].sum() / max(alone[kind].sum(), 1e-300)
            raw = (sums[kind] + _PRIOR_COUNTS) / (alone[kind] * scale + _PRIOR_COUNTS)
            values[kind] = raw / _mean(kind, raw)
    error = {kind: values[kind] / np.sqrt(sums[kind] + _PRIOR_COUNTS) for kind in kinds}
    return [Factors(kind, values[kind], error[kind]) for kind in kinds]


def _mean(kind: Kind, values: Floats) -> float:
    return float(values[:HOLIDAY].mean() if kind == "weekday" else values.mean())


def by_step(values: dict[Kind, Floats], kinds: dict[Kind, Ints], n_steps: int) -> Floats:
    """Product of the factors in each step."""
    product = np.ones(n_steps)
    for kind, of_kind in values.items():
        product = product * of_kind[kinds[kind]]
    return product


@dataclass(frozen=True)
class Gain:
    """What factors would have told of steps they were not learnt on.

    Parameters
    ----------
    per_count : float
        Gain in log-likelihood for each count, given the total.
    standard_error : float
        Steps that swing together counted as one.
    """

    per_count: float
    standard_error: float

    @property
    def is_clear(self) -> bool:
        """Whether the gain exceeds two standard errors."""
        return self.per_count > _CLEARLY * self.standard_error > 0


def gain_of(factor: Floats, observed: Floats, expected: Floats, unit: Ints) -> Gain:
    """Gain of spreading a total over steps by `factor`, against spreading it without.

    Parameters
    ----------
    factor, observed, expected : ndarray of float, shape (n_steps,)
        Of steps that were not used to learn the factors.
    unit : ndarray of int, shape (n_steps,)
        Steps that swing together: single days for weekdays, four weeks for months.

    Notes
    -----
    The gain is sum(O log shift) over the total; the shift of a step is its factor over the mean factor. Its
    variance is that of the counts, Poisson times the dispersion that the units show about the factors.
    """
    total, usual = observed.sum(), (factor * expected).sum()
    if not total or not usual:
        return Gain(0.0, 0.0)
    shift = np.log(np.maximum(factor, 1e-12) * expected.sum() / usual)
    _, number = np.unique(unit, return_inverse=True)
    seen, mean = np.bincount(number, observed), np.bincount(number, factor * expected * total / usual)
    known = mean > 0
    pearson = ((seen[known] - mean[known]) ** 2 / mean[known]).sum() / max(known.sum() - 1, 1)
    gain = float((observed * shift).sum() / total)
    variance = max(pearson, 1.0) * (observed * (shift - gain) ** 2).sum()
    return Gain(gain, float(np.sqrt(variance) / total))
