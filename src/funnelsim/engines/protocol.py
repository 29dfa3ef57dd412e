"""What every engine is: the same inputs, the same Forecast out."""

from __future__ import annotations

from numbers import Integral
from typing import Protocol

from funnelsim.nouns.forecast import Forecast
from funnelsim.nouns.funnel import Funnel
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams


class EngineError(FunnelsimError):
    """A request an engine cannot honour; the message names one that can, or what to change."""


def check_whole(**settings: object) -> None:
    """Refuse settings that must be whole numbers and are not.

    Raises
    ------
    EngineError
    """
    for name, value in settings.items():
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise EngineError(f"{name}={value!r} must be a whole number, such as {name}=100")


class Engine(Protocol):
    """Turns a funnel and a pipeline into a forecast."""

    @property
    def name(self) -> str:
        """Name of the method."""
        ...

    def run(self, funnel: Funnel, pipeline: Pipeline, periods: Periods, streams: Streams) -> Forecast:
        """Joint distribution of wins and bookings over `periods`; raises EngineError for what it cannot."""
        ...
