"""A dwell in which a share of stays never ends: mass at infinity beside any family."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from funnelsim.numerics.dwell.distribution import Dwell, DwellError, Floats


@dataclass(frozen=True)
class NeverLeaves:
    """``S(t) = share + (1 - share) S0(t)``, with S0 the dwell of those who leave.

    Parameters
    ----------
    leavers : Dwell
        Time in stage of the deals that leave it some day.
    share : float
        Share of deals that never do, strictly between 0 and 1.

    Notes
    -----
    No data tell a deal that never leaves from one that leaves long after the oldest exit seen: the share is
    known only as far as the family's tail is believed. Compare families before quoting it.

    Examples
    --------
    >>> from funnelsim.numerics.dwell import Exponential
    >>> stuck = NeverLeaves(Exponential(rate=0.1), share=0.25)
    >>> stuck.survival([0.0, 10.0, 1000.0]).round(4)
    array([1.    , 0.5259, 0.25  ])
    >>> stuck.quantile([0.5, 0.8]).round(3)
    array([10.986,    inf])
    """

    leavers: Dwell
    share: float

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise DwellError(f"the share that never leaves lies between 0 and 1, not at {self.share!r}")

    @property
    def family(self) -> str:
        """Family of those who leave."""
        return self.leavers.family

    @property
    def params(self) -> dict[str, float]:
        """Parameters by name; the share is ``never_leaves``."""
        return self.leavers.params | {"never_leaves": self.share}

    def log_survival(self, age: npt.ArrayLike) -> Floats:
        """Log of the chance to stay longer than each age."""
        log_leaver = math.log1p(-self.share) + self.leavers.log_survival(age)
        return np.asarray(np.logaddexp(math.log(self.share), log_leaver))

    def survival(self, age: npt.ArrayLike) -> Floats:
        """Chance to stay longer than each age; never below the share."""
        return self.share + (1 - self.share) * self.leavers.survival(age)

    def log_density(self, age: npt.ArrayLike) -> Floats:
        """Log density at each finite age; it integrates to one minus the share."""
        return math.log1p(-self.share) + self.leavers.log_density(age)

    def hazard(self, age: npt.ArrayLike) -> Floats:
        """Rate of leaving at each finite age among those still there; it fades to 0."""
        with np.errstate(over="ignore"):
            return np.exp(self.log_density(age) - self.log_survival(age))

    def step_hazard(self, age: npt.ArrayLike) -> Floats:
        """Chance of leaving within ``[age, age + 1)`` among those there at `age`."""
        is_leaver = np.exp(math.log1p(-self.share) + self.leavers.log_survival(age) - self.log_survival(age))
        return is_leaver * self.leavers.step_hazard(age)

    def quantile(self, prob: npt.ArrayLike) -> Floats:
        """Age by which each share of all deals has left; ``inf`` above one minus the share."""
        asked = np.asarray(prob, dtype=np.float64)
        if not ((asked >= 0) & (asked <= 1)).all():
            raise DwellError(f"a probability lies in [0, 1]; asked for {asked.ravel().tolist()[:5]}")
        return self.leavers.quantile(np.minimum(asked / (1 - self.share), 1.0))

    def median(self) -> float:
        """Age by which half of all deals have left; ``inf`` when half or more never do."""
        return float(self.quantile(0.5))

    def mean(self) -> float:
        """Infinite: some never leave. Use `restricted_mean`, or ``leavers.mean()``."""
        return math.inf

    def restricted_mean(self, until: float) -> float:
        """Mean of the stay or `until`, whichever is shorter."""
        return self.share * until + (1 - self.share) * self.leavers.restricted_mean(until)
