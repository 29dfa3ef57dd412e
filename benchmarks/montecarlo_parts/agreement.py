"""Do the methods give the same answer? Means and standard deviations, with standard errors."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from montecarlo_parts.case import Outcome

Floats = npt.NDArray[np.float64]

MOST_STANDARD_ERRORS = 4.0


@dataclass(frozen=True)
class Figure:
    """One figure of one method."""

    value: float
    se: float


def figures(outcome: Outcome) -> dict[str, Figure]:
    """Mean and sd of the totals, and the mean of every period."""
    found = {}
    for measure in ("wins", "bookings"):
        by_period: Floats = getattr(outcome, measure)
        total = by_period.sum(axis=1)
        found[f"{measure}, mean"] = _mean(total)
        found[f"{measure}, sd"] = _sd(total)
        for period, column in enumerate(by_period.T):
            found[f"{measure}, mean of period {period + 1}"] = _mean(column)
    return found


def _mean(draws: Floats) -> Figure:
    return Figure(float(draws.mean()), float(draws.std(ddof=1) / np.sqrt(len(draws))))


def _sd(draws: Floats) -> Figure:
    """The error of a variance is s**2 sqrt((kurtosis - 1) / n); that of an sd is half of it, over s."""
    sd, n = draws.std(ddof=1), len(draws)
    kurtosis = ((draws - draws.mean()) ** 4).mean() / draws.var() ** 2
    return Figure(float(sd), float(sd * np.sqrt((kurtosis - 1) / n) / 2))


@dataclass(frozen=True)
class Gap:
    """A difference between two methods, in standard errors of the difference."""

    figure: str
    one: str
    other: str
    standard_errors: float

    @property
    def is_too_large(self) -> bool:
        return abs(self.standard_errors) > MOST_STANDARD_ERRORS


def gaps(by_method: dict[str, dict[str, Figure]]) -> list[Gap]:
    """Every pair of methods on every figure, the largest difference first."""
    found = [
        Gap(name, one, other, (a[name].value - b[name].value) / float(np.hypot(a[name].se, b[name].se)))
        for (one, a), (other, b) in combinations(by_method.items(), 2)
        for name in a
    ]
    return sorted(found, key=lambda gap: -abs(gap.standard_errors))
