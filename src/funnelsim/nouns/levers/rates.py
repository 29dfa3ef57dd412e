"""Levers on rates: how many deals come, where they go, how fast; and what they bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import optimize

from funnelsim.nouns.changes import ODDS
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.levers.protocol import (
    Lever,
    LeverError,
    ShownByName,
    check_factor,
    check_share,
    in_percent,
    stage_codes,
)
from funnelsim.numerics.incidence import observed_routes, tilt_forward, win_rates

Floats = npt.NDArray[np.float64]


def _aim(now: float, wanted: float) -> str:
    """From a share to another, in words."""
    return f"from {100 * now:.3g} to {100 * wanted:.3g} %"


@dataclass(frozen=True)
class Volume(ShownByName):
    """More (or fewer) new deals: arrivals times `factor`. Deals already open are not touched.

    Examples
    --------
    >>> Volume(1.1).name
    'new deals +10 %'
    """

    factor: float

    def __post_init__(self) -> None:
        check_factor(self.factor, "volume")

    @property
    def name(self) -> str:
        """What the lever does, in words."""
        return f"new deals {in_percent(self.factor)}"

    def apply(self, funnel: Funnel) -> Funnel:
        """The funnel after the change."""
        volume = funnel.changes.volume * self.factor
        check_factor(volume, "volume, all levers together,")
        return funnel.with_changes(replace(funnel.changes, volume=volume))


@dataclass(frozen=True)
class Conversion(ShownByName):
    """Higher (or lower) conversion: the odds of leaving a stage forward times `odds`.

    The chance to leave at each age stays; losses and backward moves give up what forward moves gain. So odds
    multiply, probabilities stay within 0..1 and speed does not change.

    Parameters
    ----------
    odds : float
        Factor on the odds; 1.1 is a tenth higher.
    stage : str, optional
        One open stage; all of them by default.

    Examples
    --------
    >>> Conversion(1.1, stage="Proof").name
    'conversion of Proof, odds +10 %'
    """

    odds: float
    stage: str | None = None
    aim: str = field(default="", compare=False, repr=False)  # what was asked for, where it was a value

    def __post_init__(self) -> None:
        check_factor(self.odds, "odds", ODDS)

    @property
    def name(self) -> str:
        """What the lever does, in words."""
        where = f"of {self.stage}" if self.stage else "at every step"  # not once, as a lever on new deals is
        return (
            f"conversion {where} {self.aim}"
            if self.aim
            else f"conversion {where}, odds {in_percent(self.odds)}"
        )

    def apply(self, funnel: Funnel) -> Funnel:
        """The funnel after the change."""
        log_odds = funnel.changes.forward_log_odds.copy()
        log_odds[stage_codes(funnel, self.stage)] += np.log(self.odds)
        for odds in np.exp(np.clip(log_odds, -700.0, 700.0)).tolist():
            check_factor(odds, "odds, all levers together,", ODDS)
        return funnel.with_changes(replace(funnel.changes, forward_log_odds=log_odds))

    @classmethod
    def to(cls, conversion: float, funnel: Funnel, stage: str) -> Conversion:
        """Lever that brings the conversion of a stage to a wanted value.

        Parameters
        ----------
        conversion : float
            Chance to move on to a later stage or a win, within the ages seen (as in ``Funnel.table``).
        funnel : Funnel
        stage : str

        Raises
        ------
        LeverError
            If no odds reach it: some deals never leave the stage, whatever the split of those who do.
        """
        check_share(conversion, "conversion")
        code = int(stage_codes(funnel, stage)[0])
        age, hazards, forward = (
            funnel.hazards[code].first_age,
            funnel.mean_hazards(code),
            funnel.stages.is_forward(code),
        )

        def reached(log_odds: float) -> float:
            return float(observed_routes(age, tilt_forward(hazards, forward, log_odds))[forward].sum())

        lowest, highest = reached(-30.0), reached(30.0)
        if not hazards[:, forward].any():
            raise LeverError(
                f"conversion of {stage!r} cannot be {100 * conversion:.1f} %: its deals go to no later stage "
                "and to no win; say in its hazards (goes_to) how they go on"
            )
        if not lowest < conversion < highest:
            raise LeverError(
                f"conversion of {stage!r} cannot be {100 * conversion:.1f} %: within the ages seen it lies "
                f"between {100 * lowest:.1f} % and {100 * highest:.1f} %, because "
                f"{100 * (1 - highest):.1f} % are not decided by then"
            )
        log_odds = optimize.brentq(lambda x: reached(x) - conversion, -30.0, 30.0, xtol=1e-10)
        return cls(float(np.exp(log_odds)), stage, _aim(reached(0.0), conversion))


@dataclass(frozen=True)
class Speed(ShownByName):
    """A shorter (or longer) cycle: deals leave stages `factor` times as fast, from the cutoff on.

    Open deals keep the age they have, and who leaves within the step of entry stays. Where deals finally go
    does not change, only when. Excluding causes changes it openly.

    Parameters
    ----------
    factor : float
        1.25 is a quarter faster: dwell times 0.8.
    stage : str, optional
        One open stage; all of them by default.
    except_to : tuple of str
        Destinations that keep their own clock, such as an expiry after 30 days. Conversion then changes too.

    Examples
    --------
    >>> Speed(1.25).name
    'speed at every step +25 %'
    """

    factor: float
    stage: str | None = None
    except_to: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_factor(self.factor, "speed")
        if isinstance(self.except_to, str) or not isinstance(self.except_to, Sequence):
            raise LeverError(f"except_to takes several places: write ({self.except_to!r},)")
        object.__setattr__(self, "except_to", tuple(self.except_to))

    @property
    def name(self) -> str:
        """What the lever does, in words."""
        kept = f" (not to {', '.join(map(str, self.except_to))})" if self.except_to else ""
        where = f"of {self.stage}" if self.stage else "at every step"
        return f"speed {where} {in_percent(self.factor)}{kept}"

    def apply(self, funnel: Funnel) -> Funnel:
        """The funnel after the change."""
        unknown = [place for place in self.except_to if place not in funnel.stages.codes]
        if unknown:
            raise LeverError(
                f"no stage or outcome is called {unknown[0]!r}; they are {', '.join(funnel.stages.names)}"
            )
        kept = [funnel.stages.codes[place] for place in self.except_to]
        factors = np.full(len(funnel.stages.names), self.factor)
        factors[kept] = 1.0
        speed = funnel.changes.speed.copy()
        speed[stage_codes(funnel, self.stage)] *= factors
        for factor in np.unique(speed).tolist():
            check_factor(factor, "speed, all levers together,")
        return funnel.with_changes(replace(funnel.changes, speed=speed))


@dataclass(frozen=True)
class WinRate(ShownByName):
    """A higher (or lower) win rate of a stage: the odds of moving forward from it and every later stage.

    The same factor at each of these steps; the steps before are as they were.

    Parameters
    ----------
    odds : float
        Factor on the odds of each step.
    stage : str
        The open stage it begins at.

    Examples
    --------
    >>> WinRate(1.2, "Proof").name
    'every step from Proof on, odds +20 %'
    """

    odds: float
    stage: str
    aim: str = field(default="", compare=False, repr=False)  # what was asked for, where it was a value

    def __post_init__(self) -> None:
        check_factor(self.odds, "odds", ODDS)

    @property
    def name(self) -> str:
        """What the lever does, in words."""
        if self.aim:
            return f"win rate of {self.stage} {self.aim}"
        return f"every step from {self.stage} on, odds {in_percent(self.odds)}"

    def apply(self, funnel: Funnel) -> Funnel:
        """The funnel after the change."""
        first = int(stage_codes(funnel, self.stage)[0])
        for stage in funnel.stages.open[first:]:
            funnel = Conversion(self.odds, stage.name).apply(funnel)
        return funnel

    @classmethod
    def to(cls, win_rate: float, funnel: Funnel, stage: str) -> WinRate:
        """Lever that brings the win rate of a stage to a wanted value.

        Parameters
        ----------
        win_rate : float
            Chance to be won in the end, within the ages seen (as in ``Funnel.table``).
        funnel : Funnel
        stage : str

        Raises
        ------
        LeverError
            If no odds reach it.
        """
        check_share(win_rate, "win rate")
        first = int(stage_codes(funnel, stage)[0])
        names = [place.name for place in funnel.stages.open]

        def reached(log_odds: float) -> float:
            routes = [
                observed_routes(
                    h.first_age,
                    tilt_forward(
                        funnel.mean_hazards(s), funnel.stages.is_forward(s), log_odds if s >= first else 0.0
                    ),
                )
                for s, h in enumerate(funnel.hazards)
            ]
            return float(win_rates(np.stack(routes), funnel.stages.is_won)[first])

        lowest, highest = reached(-30.0), reached(30.0)
        if highest == 0.0:
            raise LeverError(
                f"the win rate of {stage!r} cannot be {100 * win_rate:.1f} %: no way leads from there to a "
                "win; say in its hazards (goes_to), and those of later stages, how deals go on"
            )
        if not lowest < win_rate < highest:
            raise LeverError(
                f"the win rate of {stage!r} cannot be {100 * win_rate:.1f} %: with any odds from there on "
                f"it lies between {100 * lowest:.1f} % and {100 * highest:.1f} %, because some deals are "
                f"never decided in {', '.join(names[first:])}"
            )
        log_odds = optimize.brentq(lambda x: reached(x) - win_rate, -30.0, 30.0, xtol=1e-10)
        return cls(float(np.exp(log_odds)), stage, _aim(reached(0.0), win_rate))


@dataclass(frozen=True)
class Yield(ShownByName):
    """More (or less) per win: amounts times `factor`. What is booked already stays.

    Parameters
    ----------
    factor : float
    of : {"all", "new"}
        Of open deals too, or only of those yet to arrive.

    Examples
    --------
    >>> Yield(1.05).name
    'amount per win +5 %'
    """

    factor: float
    of: Literal["all", "new"] = "all"

    def __post_init__(self) -> None:
        check_factor(self.factor, "yield")
        if self.of not in ("all", "new"):
            raise LeverError(f"yield of {self.of!r}: write 'all', or 'new' for deals yet to arrive")

    @property
    def name(self) -> str:
        """What the lever does, in words."""
        return f"amount per win {in_percent(self.factor)}{'' if self.of == 'all' else ' (new deals)'}"

    def apply(self, funnel: Funnel) -> Funnel:
        """The funnel after the change.

        Raises
        ------
        LeverError
            If no won deal has an amount.
        """
        if funnel.amounts is None:
            raise LeverError("no won deal has an amount, so there is no yield to change")
        changes = funnel.changes
        new, of_open = changes.new_amount * self.factor, changes.open_amount
        of_open *= self.factor if self.of == "all" else 1.0
        for factor in (new, of_open):
            check_factor(factor, "yield, all levers together,")
        return funnel.with_changes(replace(changes, new_amount=new, open_amount=of_open))


def three_levers(factor: float = 1.1) -> tuple[Lever, ...]:
    """The three classical strategies, each improved by the same factor: more deals, conversion, speed."""
    return (Volume(factor), Conversion(factor), Speed(factor))
