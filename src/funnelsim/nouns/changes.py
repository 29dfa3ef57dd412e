"""Changes: what levers have changed in a funnel, for all deals and for some classes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from funnelsim.vocabulary.stages import Stages

Floats = npt.NDArray[np.float64]

# Beyond these a change is a slip of the finger, and sums of its effects would lose their digits.
FACTORS = (1e-3, 1e3)
ODDS = (1e-15, 1e15)


@dataclass(frozen=True, eq=False)
class Changes:
    """What levers have changed in a funnel; neutral by default, and composable.

    Parameters
    ----------
    volume : float
        Factor on arrivals.
    forward_log_odds : ndarray of float, shape (n_open,)
        Logarithm of the factor on the odds of leaving each stage forward.
    speed : ndarray of float, shape (n_open, n_places)
        Factor on the pace at which each cause of exit runs, from the cutoff on.
    new_amount, open_amount : float
        Factors on the amounts of deals yet to arrive, and of those open now.
    narrowing : float
        Share of the differences between classes that is taken away, 0..1.
    classes : mapping of int to Changes
        By code of a class of deals: what is changed for them on top of all that.
    """

    volume: float
    forward_log_odds: Floats
    speed: Floats
    new_amount: float = 1.0
    open_amount: float = 1.0
    narrowing: float = 0.0
    classes: Mapping[int, Changes] = field(default_factory=dict)

    @classmethod
    def none(cls, stages: Stages) -> Changes:
        """No change."""
        return cls(1.0, np.zeros(stages.n_open), np.ones((stages.n_open, len(stages.names))))

    @property
    def is_none(self) -> bool:
        """Whether nothing is changed."""
        factors = (self.volume, self.new_amount, self.open_amount)
        rates = self.forward_log_odds.any() or (self.speed != 1.0).any() or self.narrowing > 0.0
        return factors == (1.0, 1.0, 1.0) and not rates and not self.classes

    def of_class(self, code: int) -> Changes:
        """What is changed for the deals of one class, all together; the volume is that class's own."""
        own = self.classes.get(code)
        if own is None:
            return replace(self, volume=1.0, classes={})
        return replace(
            self,
            volume=own.volume,
            forward_log_odds=self.forward_log_odds + own.forward_log_odds,
            speed=self.speed * own.speed,
            classes={},
        )
