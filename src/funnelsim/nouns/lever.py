"""Levers: named, printable, composable changes of a funnel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from numbers import Real
from typing import Protocol, runtime_checkable

import numpy as np
from scipy import optimize

from funnelsim.nouns.funnel import Changes, Funnel
from funnelsim.numerics.incidence import observed_routes, tilt_forward
from funnelsim.vocabulary.errors import FunnelsimError


class LeverError(FunnelsimError):
    """A lever that cannot be applied; the message says why."""


@runtime_checkable
class Lever(Protocol):
    """A change of a funnel that can be printed and applied; levers compose in any order."""

    @property
    def name(self) -> str:
        """What the lever does, in words."""
        ...

    def apply(self, funnel: Funnel) -> Funnel:
        """The funnel after the change."""
        ...


# Beyond these, a lever is a slip of the finger, and sums of its effects would lose their digits.
FACTORS = (1e-3, 1e3)
ODDS = (1e-15, 1e15)


def _check_factor(factor: object, what: str, bounds: tuple[float, float] = FACTORS) -> None:
    least, most = bounds
    is_number = isinstance(factor, Real) and not isinstance(factor, bool)
    if not (is_number and least <= float(factor) <= most):  # type: ignore[arg-type]
        raise LeverError(
            f"{what} must be a finite factor above 0, not {factor!r}; from {least:g} to {most:g}, where 1.1 "
            "means a tenth more"
        )


def _percent(factor: float) -> str:
    return f"{(factor - 1) * 100:+.4g} %" if factor < 10 else f"times {factor:,.4g}"


@dataclass(frozen=True)
class Volume:
    """More (or fewer) new deals: arrivals times `factor`. Deals already open are not touched.

    Examples
    --------
    >>> Volume(1.1).name
    'new deals +10 %'
    """

    factor: float

    def __post_init__(self) -> None:
        _check_factor(self.factor, "volume")

    @property
    def name(self) -> str:
        """What the lever does, in words."""
        return f"new deals {_percent(self.factor)}"

    def apply(self, funnel: Funnel) -> Funnel:
        """The funnel after the change."""
        volume = funnel.changes.volume * self.factor
        _check_factor(volume, "volume, all levers together,")
        return funnel.with_changes(replace(funnel.changes, volume=volume))


@dataclass(frozen=True)
class Conversion:
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

    def __post_init__(self) -> None:
        _check_factor(self.odds, "odds", ODDS)

    @property
    def name(self) -> str:
        """What the lever does, in words."""
        where = f"of {self.stage}" if self.stage else "at every step"  # not once, as a lever on new deals is
        return f"conversion {where}, odds {_percent(self.odds)}"

    def apply(self, funnel: Funnel) -> Funnel:
        """The funnel after the change."""
        log_odds = funnel.changes.forward_log_odds.copy()
        log_odds[_stage_codes(funnel, self.stage)] += np.log(self.odds)
        for odds in np.exp(np.clip(log_odds, -700.0, 700.0)).tolist():
            _check_factor(odds, "odds, all levers together,", ODDS)
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
        code = int(_stage_codes(funnel, stage)[0])
        age, hazards, forward = (
            funnel.hazards[code].first_age,
            funnel.mean_hazards(code),
            funnel.stages.is_forward(code),
        )

        def reached(log_odds: float) -> float:
            return float(observed_routes(age, tilt_forward(hazards, forward, log_odds))[forward].sum())

        lowest, highest = reached(-30.0), reached(30.0)
        if not lowest < conversion < highest:
            raise LeverError(
                f"conversion of {stage!r} cannot be {conversion:.1%}: within the ages seen it lies "
                f"between {lowest:.1%} and {highest:.1%}, because {1 - highest:.1%} are not decided by then"
            )
        log_odds = optimize.brentq(lambda x: reached(x) - conversion, -30.0, 30.0, xtol=1e-10)
        return cls(float(np.exp(log_odds)), stage)


@dataclass(frozen=True)
class Speed:
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
        _check_factor(self.factor, "speed")

    @property
    def name(self) -> str:
        """What the lever does, in words."""
        kept = f" (not to {', '.join(self.except_to)})" if self.except_to else ""
        where = f"of {self.stage}" if self.stage else "at every step"
        return f"speed {where} {_percent(self.factor)}{kept}"

    def apply(self, funnel: Funnel) -> Funnel:
        """The funnel after the change."""
        if isinstance(self.except_to, str):
            raise LeverError(f"except_to takes several places: write ({self.except_to!r},)")
        unknown = [place for place in self.except_to if place not in funnel.stages.codes]
        if unknown:
            raise LeverError(
                f"no stage or outcome is called {unknown[0]!r}; they are {', '.join(funnel.stages.names)}"
            )
        kept = [funnel.stages.codes[place] for place in self.except_to]
        factors = np.full(len(funnel.stages.names), self.factor)
        factors[kept] = 1.0
        speed = funnel.changes.speed.copy()
        speed[_stage_codes(funnel, self.stage)] *= factors
        for factor in np.unique(speed).tolist():
            _check_factor(factor, "speed, all levers together,")
        return funnel.with_changes(replace(funnel.changes, speed=speed))


@dataclass(frozen=True)
class Together:
    """Several levers at once.

    Examples
    --------
    >>> Together((Volume(1.1), Speed(1.1))).name
    'new deals +10 %; speed at every step +10 %'
    """

    levers: tuple[Lever, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "levers", checked_levers(self.levers))

    @property
    def name(self) -> str:
        """What the levers do, in words."""
        return "; ".join(lever.name for lever in self.levers)

    def apply(self, funnel: Funnel) -> Funnel:
        """The funnel after all changes."""
        for lever in self.levers:
            funnel = lever.apply(funnel)
        return funnel


def checked_levers(levers: object) -> tuple[Lever, ...]:
    """Levers as a tuple.

    Raises
    ------
    LeverError
        If these are not levers.
    """
    if not isinstance(levers, Iterable) or isinstance(levers, str):
        raise LeverError(f"levers are given as a list, such as [Volume(1.1), Speed(1.1)], not {levers!r}")
    every = tuple(levers)
    odd = [lever for lever in every if isinstance(lever, type) or not isinstance(lever, Lever)]
    if odd:
        raise LeverError(f"{odd[0]!r} is no lever; use Volume, Conversion, Speed, or one with name and apply")
    return every


def three_levers(factor: float = 1.1) -> tuple[Lever, ...]:
    """The three classical strategies, each improved by the same factor: more deals, conversion, speed."""
    return (Volume(factor), Conversion(factor), Speed(factor))


def _stage_codes(funnel: Funnel, stage: str | None) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    names: Iterable[str] = [place.name for place in funnel.stages.open]
    if stage is None:
        return np.arange(funnel.stages.n_open)
    code = funnel.stages.codes.get(stage)
    if code is None or code >= funnel.stages.n_open:
        raise LeverError(f"no open stage is called {stage!r}; open stages are {', '.join(names)}")
    return np.array([code])


__all__ = ["Changes", "Conversion", "Lever", "LeverError", "Speed", "Together", "Volume", "three_levers"]
