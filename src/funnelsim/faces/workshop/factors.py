"""Factors of the page: what each slider moves, as a lever of the package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.levers.cash import Collection
from funnelsim.nouns.levers.protocol import Lever
from funnelsim.nouns.levers.rates import Conversion, Speed, Volume, Yield
from funnelsim.nouns.scenario import Scenario

Moves = Mapping[str, int]  # change in percent by key of a factor
Position = tuple[int, ...]  # the same in the order of the sliders

LEADS, CONVERSION, WIN_RATE, AMOUNT = "leads", "conversion", "win rate", "yield"
COLLECTION, CYCLE, STAY = "collection", "cycle", "stay"
KEYS = (LEADS, CONVERSION, WIN_RATE, AMOUNT, COLLECTION, CYCLE, STAY)
_MOST, _STEP = 50, 5
_HIGHEST_SHARE = 0.98  # of a conversion: some deals are always lost
_MOST_COLLECTED = 0.999
_INTERVAL = (0.1, 0.9)
N_DRAWS = 50  # groups of ten: enough for a standard error, and for a picture within half a second


def position(moves: Moves) -> Position:
    """Where all the sliders stand."""
    return tuple(moves.get(key, 0) for key in KEYS)


@dataclass(frozen=True)
class Range:
    """A value with the central 80 % of its draws; as certain where both ends are the value."""

    value: float
    low: float
    high: float

    @classmethod
    def over(cls, value: float, drawn: npt.NDArray[np.floating]) -> Range:
        """Of draws of the value."""
        low, high = np.quantile(drawn, _INTERVAL).tolist()
        return cls(value, min(low, value), max(high, value))

    @classmethod
    def certain(cls, value: float) -> Range:
        """Of a value that is taken as known."""
        return cls(value, value, value)

    @property
    def is_certain(self) -> bool:
        """Whether it has no range to speak of."""
        return self.high - self.low <= 1e-6 * max(abs(self.value), 1e-12)

    def times(self, factor: float) -> Range:
        """The value and its range, so many times as large."""
        return Range(self.value * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True)
class Factor:
    """One slider.

    Parameters
    ----------
    key : str
    least, most, step : int
        Change in percent.
    """

    key: str
    least: int
    most: int
    step: int = _STEP


@dataclass(frozen=True, eq=False)
class Rates:
    """What the factors are today, in a funnel.

    Parameters
    ----------
    first, last, slowest : str
        Open stages: that which leads enter, that which wins leave, that with the longest stay.
    conversion, win_rate : float
        Of the first and the last stage.
    collected : float, optional
        Share of what is won that is paid; None: the funnel says nothing of payments.
    stay : Range
        Median stay in the slowest stage, in steps.
    median_stays : tuple of float
        Of each open stage, in steps.
    """

    first: str
    last: str
    slowest: str
    conversion: float
    win_rate: float
    collected: float | None
    stay: Range
    median_stays: tuple[float, ...]

    @classmethod
    def of(cls, funnel: Funnel) -> Rates:
        """Those of a funnel as it is."""
        table = funnel.table(n_draws=N_DRAWS)
        collected = None if funnel.collections is None else 1.0 - funnel.collections.never_paid
        first, last = str(table.index[0]), str(table.index[-1])
        conversion, stays = table["conversion"].tolist(), table["median_dwell"]
        slowest = str(stays.idxmax())
        row = table.loc[slowest].to_dict()
        stay = Range(*(float(row[f"median_dwell{end}"]) for end in ("", "_low", "_high")))
        return cls(
            first, last, slowest, conversion[0], conversion[-1], collected, stay, tuple(stays.tolist())
        )


def factors_of(rates: Rates) -> tuple[Factor, ...]:
    """The sliders of a funnel, each with the room it has: no share may pass 1."""
    highest = {
        CONVERSION: rates.conversion and _HIGHEST_SHARE / rates.conversion,
        WIN_RATE: rates.win_rate and _HIGHEST_SHARE / rates.win_rate,
    }
    factors = []
    for key in KEYS:
        if key == COLLECTION:
            factors.append(Factor(key, -30, _room_of_collection(rates.collected), 1))
            continue
        room = (highest.get(key, 1.0 + _MOST / 100) - 1.0) * 100
        factors.append(Factor(key, -_MOST, min(_MOST, int(room // _STEP) * _STEP)))
    return tuple(factors)


def _room_of_collection(collected: float | None) -> int:
    return 0 if collected is None else int((_MOST_COLLECTED / collected - 1.0) * 100)


def levers_of(moves: Moves, rates: Rates, scenario: Scenario) -> tuple[Lever, ...]:
    """The moves as levers of the package; those that the funnel knows nothing of are left out."""
    funnel = scenario.funnel
    levers: list[Lever] = []
    for key in KEYS:
        percent = moves.get(key, 0)
        if percent:
            levers += _lever(key, 1.0 + percent / 100, rates, funnel)
    return tuple(levers)


def _lever(key: str, factor: float, rates: Rates, funnel: Funnel) -> list[Lever]:
    if key == LEADS:
        return [Volume(factor)]
    if key == CONVERSION:
        return [Conversion.to(rates.conversion * factor, funnel, rates.first)]
    if key == WIN_RATE:
        return [Conversion.to(rates.win_rate * factor, funnel, rates.last)]
    if key == AMOUNT:
        return [Yield(factor)] if funnel.amounts is not None else []
    if key == CYCLE:
        return [Speed(1.0 / factor)]
    if key == STAY:
        return [Speed(1.0 / factor, stage=rates.slowest)]
    if rates.collected is None:
        return []
    unpaid = (1.0 - min(rates.collected * factor, _MOST_COLLECTED)) / (1.0 - rates.collected)
    return [Collection(never_paid=unpaid)]
