"""Rates drawn from a funnel: what all classes of deals share, drawn once, and the exit rates of each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from funnelsim.nouns.changes import Changes
from funnelsim.nouns.classes import UNKNOWN, Classes
from funnelsim.numerics.hazards import StageHazards
from funnelsim.numerics.incidence import tilt_forward
from funnelsim.numerics.recursion import StageRates
from funnelsim.vocabulary.stages import Stages

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DrawnRates:
    """A batch of draws of a funnel's rates.

    Parameters
    ----------
    stages : Stages
    changes : Changes
    hazards : tuple of StageHazards
        By open stage, as fitted.
    drawn : tuple of ndarray of shape (n_draws, n_bins, n_places)
        Chances per step of each open stage, without changes.
    levels : ndarray of shape (n_draws, n_open, n_places), optional
        Levels that do not move with time.
    classes : Classes, optional
    multipliers : ndarray of shape (n_classes, n_draws, n_open, n_places), optional
        Of the rates of each class.
    """

    stages: Stages
    changes: Changes
    hazards: tuple[StageHazards, ...]
    drawn: tuple[Floats, ...]
    levels: Floats | None
    classes: Classes | None
    multipliers: Floats | None

    def of_class(self, klass: int = UNKNOWN) -> list[StageRates]:
        """Exit rates of every open stage; by default those of all deals."""
        changes = self.changes.of_class(klass)
        found = [
            StageRates.from_hazards(hazards.first_age, drawn, speed)
            for hazards, drawn, speed in zip(self.hazards, self.drawn, changes.speed, strict=True)
        ]
        if self.levels is not None:
            found = [
                replace(stage, rates=stage.rates * self.levels[:, None, s, stage.places])
                for s, stage in enumerate(found)
            ]
        if self.classes is not None and self.multipliers is not None and klass != UNKNOWN:
            own = self.multipliers[klass]
            found = [
                replace(stage, rates=stage.rates * base[:, stage.places] * own[:, None, s, stage.places])
                for s, (stage, base) in enumerate(zip(found, self.classes.base, strict=True))
            ]
        # Last of all, so that a class leaves as often as before: shares are tilted, their sum stays.
        return [
            replace(
                stage,
                rates=tilt_forward(stage.rates, self.stages.is_forward(s)[stage.places], log_odds),
            )
            for s, (stage, log_odds) in enumerate(zip(found, changes.forward_log_odds, strict=True))
        ]
